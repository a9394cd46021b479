"""Retrain, gate, publish: dvc.yaml's graph as a DAG, between `plan` and `seal`."""

import datetime

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param

from dags.announce import announce, tell_release
from dags.assets import CORPUS, RELEASE
from dags.commands import WORKER, run_arguments, seal_arguments
from dags.graph import PLAN, SEAL, Needs, Stage, last_stages, load_graph
from dags.runners import make_task
from dags.settings import Settings, variable

DOC = """
**From corpora to a released voice model.** One task a stage of `dvc.yaml`; each works on a fresh clone of the
repository and takes from DVC's remote what it needs, so any worker can run it. What has not changed is not made again.

- `plan` fixes the commit and the parameters of this run. `seal` commits `dvc.lock` on a branch and tags the release.
- Runs weekly, when the corpus changes, and by hand with parameters. Only one run at a time.
- Data or a gate that is refused (exit code 2) fails at once; what a second try may mend is tried again.
- A run that failed can be cleared from its failed task: what is done is not done again.
"""
PARAMS = {
    "profile": Param(
        "", type="string", title="Profile", description="Overlay of params.yaml, such as `mini`; empty for none."
    ),
    "revision": Param(
        "", type="string", title="Git revision", description="Empty for the variable `peewee_revision`, else HEAD."
    ),
    "overrides": Param(
        {},
        type="object",
        title="Overrides",
        description='Values of params.yaml: `{"encoder.training.schedule.steps": 200}`. The run commits them.',
    ),
    "reason": Param("", type="string", title="Reason", description="Why, for whoever reads the history."),
    "publish_anyway": Param(
        "",
        type="string",
        title="Publish though the gate fails",
        description="Why; it is recorded with the release. Empty: a release that does not pass is not published.",
    ),
}
REQUEST = {
    "profile": "{{ params.profile }}",
    "revision": "{{ params.revision or " + variable("revision", "HEAD").strip("{} ") + " }}",
    "reason": "{{ params.reason or dag_run.run_type }}",
    "overrides": "{{ params.overrides | tojson }}",
}
RUN = "{{ run_id }}"
COMMIT = "{{ ti.xcom_pull(task_ids='plan')['commit'] }}"


def stage_doc(stage: Stage) -> str:
    """Say on the page what a stage is for and what it takes."""
    gpu = f"{stage.gpu} GPU, " if stage.gpu else ""
    return (
        f"{stage.desc}\n\n`{stage.cmd}`: {gpu}{stage.cpu} cores, {stage.memory}, at most {stage.timeout_s // 3600} h."
    )


settings = Settings.from_environment()
stages = load_graph()

with DAG(
    "peewee_retrain",
    description="Corpora to a released voice model",
    doc_md=DOC,
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable(settings.schedule, timezone="UTC"), assets=[CORPUS])
    if settings.schedule
    else [CORPUS],
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    tags=["peewee-tts"],
) as dag:
    plan = make_task(
        settings,
        "plan",
        WORKER,
        [RUN],
        PLAN,
        "Fix the commit, the parameters and the identity of this run.",
        request=REQUEST,
    )
    seal = make_task(
        settings,
        "seal",
        WORKER,
        seal_arguments(RUN),
        SEAL,
        "Commit `dvc.lock` on a branch, tag the release, and tell who waits for it.",
        outlets=[RELEASE],
        post_execute=announce,
        on_success=tell_release,
    )
    tasks = {
        name: make_task(
            settings,
            name,
            WORKER,
            run_arguments(name, RUN, COMMIT),
            Needs.of(stage),
            stage_doc(stage),
            environment={"PEEWEE_PUBLISH_ANYWAY": "{{ params.publish_anyway }}"} if name == "publish" else None,
        )
        for name, stage in stages.items()
    }
    for name, stage in stages.items():
        tasks[name].set_upstream([tasks[other] for other in stage.upstream] or [plan])
    seal.set_upstream([tasks[name] for name in last_stages(stages)])
