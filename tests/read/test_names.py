from counterpoise.read.names import nearest, nearest_of


def test_capitals_go_before_likeness() -> None:
    assert nearest_of("T3", ["T2", "t3"]) == "t3"
    assert nearest_of("boost", ["imn_boost", "age"]) == "imn_boost"
    assert nearest_of("xyz", ["age"]) is None
    assert nearest_of("age", []) is None


def test_nothing_near_is_no_suggestion() -> None:
    assert nearest("agee", ["age"]) == "did you mean `age`?"
    assert nearest("xyz", ["age"]) == ""
