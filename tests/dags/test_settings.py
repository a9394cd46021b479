import pytest

from dags.settings import DAILY, WEEKLY, Settings


def test_nothing_set_is_weekly_beside_airflow():
    """What a newcomer gets."""
    settings = Settings.from_environment({})
    assert (settings.runner, settings.schedule, settings.daily) == ("local", WEEKLY, DAILY)


def test_schedule_can_be_left_to_people():
    """`none` is no cron."""
    assert Settings.from_environment({"PEEWEE_SCHEDULE": "none"}).schedule is None


def test_kubernetes_is_read_from_one_object():
    """Lists and mappings as in a manifest."""
    text = '{"image": "i", "secrets": ["s3"], "gpu_node_selector": {"a": "b"}, "tolerations": [{"key": "k"}]}'
    settings = Settings.from_environment({"PEEWEE_RUNNER": "kubernetes", "PEEWEE_KUBERNETES": text}).kubernetes
    assert (settings.image, settings.secrets, settings.gpu_node_selector) == ("i", ("s3",), {"a": "b"})
    assert settings.tolerations == ({"key": "k"},)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PEEWEE_RUNNER", "docker", "'docker'; write local or kubernetes"),
        ("PEEWEE_KUBERNETES", "{", "no JSON"),
        ("PEEWEE_KUBERNETES", '{"imge": "x"}', "imge is unknown; it takes"),
        ("PEEWEE_KUBERNETES", "[]", "takes an object"),
        ("PEEWEE_RETRY_DELAY_S", "soon", "'soon'; write a number of seconds"),
        ("PEEWEE_GRACE_S", "-1", "'-1'; write a number of seconds"),
    ],
)
def test_wrong_setting_is_named(name, value, said):
    """Which variable, what it holds, what it may hold."""
    with pytest.raises(ValueError, match=name) as caught:
        Settings.from_environment({name: value})
    assert said in str(caught.value)
