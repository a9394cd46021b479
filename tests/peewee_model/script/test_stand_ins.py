"""Words that stand in for others while a text is read."""

from peewee_model.script.stand_ins import StandIns


def test_each_word_comes_back_however_many_there_are():
    """More than the syllables can tell apart in one place."""
    stand_ins = StandIns("")
    said = [f"said {number}" for number in range(3_200)]
    words = [stand_ins.add("word", one) for one in said]
    assert len(set(words)) == len(said)
    assert [stand_ins.put_back(word) for word in words] == said


def test_stand_in_is_written_like_the_word():
    """The readers tell names and shouting from words by capitals."""
    stand_ins = StandIns("")
    assert stand_ins.add("SQL", "a").isupper()
    assert stand_ins.add("Nguyen", "a").istitle()
    assert stand_ins.add("C++", "a").istitle()
    assert stand_ins.add("gnu", "a").islower()
    assert stand_ins.add("東京", "a").islower()
