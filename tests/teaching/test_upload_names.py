"""Whose an upload is: the names of learning platforms, of folders and of archives, without opening a file."""

from datetime import datetime
from types import SimpleNamespace

import pytest

from learngpt_teaching.copies import parse
from learngpt_teaching.upload_names import Given, Owners, Place, Students, Unclear, given, is_name
from tests.support import NAMES


@pytest.mark.parametrize(
    "part, expected",
    [
        # Canvas: its content zipper joins name, LATE, user and attachment, and keeps the "_" of a name.
        ("lovelaceada_101_5001_1-bigram.ipynb", Given(("101",), "101", "1-bigram.ipynb", 5001)),
        ("lovelaceada_LATE_101_5001_1-bigram.ipynb", Given(("101",), "101", "1-bigram.ipynb", 5001, late=True)),
        ("lovelaceada_late_101_5009_1-bigram.ipynb", Given(("101",), "101", "1-bigram.ipynb", 5009, late=True)),
        ("team_blue_12345_67891_1-bigram.ipynb", Given(("12345",), "12345", "1-bigram.ipynb", 67891)),
        ("anon_AbC12_67891_1-bigram.ipynb", Given(("anon_AbC12",), "anon_AbC12", "1-bigram.ipynb", 67891)),
        ("anon_AbC12_late_67891_a_b.ipynb", Given(("anon_AbC12",), "anon_AbC12", "a_b.ipynb", 67891, late=True)),
        # Moodle, before and after 4.1, and with blind marking.
        ("Ada Lovelace_12345_assignsubmission_file_", Given(("12345", "Ada Lovelace"), "12345")),
        ("Ada Lovelace_12345_assignsubmission_file", Given(("12345", "Ada Lovelace"), "12345")),
        ("O’Neil_1_assignsubmission_file_1-bigram.ipynb", Given(("1", "O’Neil"), "1", "1-bigram.ipynb")),
        # Brightspace.
        (
            "12346-67890 - Grace Hopper - 5 March, 2024 222 PM",
            Given(("12346", "Grace Hopper"), "12346", "", 20240305142200, datetime(2024, 3, 5, 14, 22)),
        ),
        (
            "12346-67890 - Grace Hopper - Mar 5, 2024 1022 AM - 1-bigram.ipynb",
            Given(("12346", "Grace Hopper"), "12346", "1-bigram.ipynb", 20240305102200, datetime(2024, 3, 5, 10, 22)),
        ),
        # No platform's.
        ("ada_1-bigram.ipynb", None),
        ("Ada Lovelace - 1-bigram.ipynb", None),
        ("week1", None),
    ],
)
def test_a_platforms_name_is_read(part, expected):
    assert given(part) == expected


def test_blackboards_name_has_the_user_and_the_time():
    found = given("Week_1_j_doe_attempt_2024-03-05-14-22-33_1-bigram.ipynb")
    assert found.users == ("Week_1_j_doe", "1_j_doe", "j_doe", "doe") and found.called == "doe"
    assert (found.file, found.attempt, found.when) == (
        "1-bigram.ipynb",
        20240305142233,
        datetime(2024, 3, 5, 14, 22, 33),
    )
    assert given("Week 1_jdoe_attempt_2024-03-05-14-22-33.txt").file == ""
    assert given("Week 1_jdoe_attempt_2024-99-99-14-22-33_x.ipynb").when is None


@pytest.mark.parametrize(
    "name", ["ada", "किरण", "สุดา", "O’Neil", "김 하나", "Ñandú", "ada@uni.example", "a.b-c_d (2)", "क्\u200dष", "٣"]
)
def test_letters_are_letters_in_every_script(name):
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", "..", ".ada", "-x", "a/b", "a\\b", "a*", "=1", "a+b", "\x1b[31m", "a\n", "[a]", "ा"]
)
def test_paths_globs_and_control_characters_are_no_names(name):
    assert not is_name(name)


def students(*ids, **numbers):
    ids = [*ids, *numbers]
    return Students(
        [
            SimpleNamespace(id=one, lms_user_id=numbers.get(one), email=None, first_name=None, last_name=None)
            for one in ids
        ]
    )


def owners(students, *paths):
    """{path: who owns it, or why that is unclear}"""
    places = []
    for path in paths:
        parts = tuple(path.split("/"))
        platform = next((found for part in parts if (found := given(part))), None)
        own = given(parts[-1])
        stem = (own.file if own else parts[-1]).removesuffix(".ipynb")
        name = parse(stem, NAMES)
        places.append(Place(parts, name.notebook, name.extra, platform))
    found = Owners(students, places, ["week1", *NAMES])
    owned = {}
    for path, place in zip(paths, places):
        try:
            owned[path] = found.owner(place)[0]
        except Unclear as reason:
            owned[path] = f"? {reason}"
    return list(owned.values())


EMPTY = students()


@pytest.mark.parametrize(
    "paths, expected",
    [
        (["ada/Copy of 1-bigram.ipynb", "bob/Copy of 1-bigram.ipynb"], ["ada", "bob"]),
        (["ada.zip/work/week1/1-bigram.ipynb", "bob.zip/work/week1/1-bigram.ipynb"], ["ada", "bob"]),
        (["ada.zip/my own/1-bigram.ipynb", "bob.zip/my own/1-bigram.ipynb"], ["ada", "bob"]),
        (["ada/1-bigram.zip/1-bigram.ipynb", "bob/1-bigram.zip/1-bigram.ipynb"], ["ada", "bob"]),
        (["ada/final_1-bigram.ipynb", "bob/1-bigram.ipynb"], ["ada", "bob"]),
        (["ada/1-bigram.ipynb", "ada/1-bigram-Copy1.ipynb", "ada/x_1-bigram.ipynb"], ["ada", "ada", "ada"]),
        (["mail.zip/ada/1-bigram.ipynb", "mail.zip/bob/1-bigram.ipynb"], ["ada", "bob"]),
        (["mail.zip/ada_1-bigram.ipynb", "mail.zip/bob_1-bigram.ipynb"], ["ada", "bob"]),
        (["mail.zip/week1/ada/1-bigram.ipynb", "mail.zip/week1/bob/1-bigram.ipynb"], ["ada", "bob"]),
        (["mail.zip/ada.zip/work/1-bigram.ipynb", "mail.zip/bob.zip/work/1-bigram.ipynb"], ["ada", "bob"]),
        (["Ada Lovelace - 1-bigram.ipynb", "Grace Hopper - 1-bigram.ipynb"], ["Ada Lovelace", "Grace Hopper"]),
        (["ada_week1.zip/1-bigram.ipynb", "week1-bob.zip/1-bigram.ipynb"], ["ada", "bob"]),
        (["ada (1).zip/1-bigram.ipynb"], ["ada"]),
        (["1-bigram_ada.ipynb", "1-bigram (1).ipynb"], ["ada", "? tells by no name"]),
        (["week1/1-bigram.ipynb", "work/week1/2-averaging.ipynb"], ["? tells by no name", "? tells by no name"]),
    ],
)
def test_students_are_guessed_while_nobody_is_known(paths, expected):
    assert [name[: len(wanted)] for name, wanted in zip(owners(EMPTY, *paths), expected)] == expected


def test_a_name_inside_another_ones_is_unclear():
    """`bob.zip` can't hand in for Ada, whether the gradebook knows them or not."""
    paths = ["ada/1-bigram.ipynb", "bob.zip/ada_1-bigram.ipynb", "bob.zip/2-averaging.ipynb"]
    for known in (students("ada", "bob"), students("ada"), students("bob"), EMPTY):
        assert owners(known, *paths)[0] == "ada"
    for known in (students("ada", "bob"), students("bob"), EMPTY):
        assert owners(known, *paths)[1:] == ["? names bob and ada. Ask whose it is, and move it.", "bob"]
    inside = "bob.zip/lovelaceada_101_9999_1-bigram.ipynb"
    assert owners(students("bob", ada="101"), inside)[0].startswith("? names bob and, inside, 101")


def test_the_outermost_known_name_wins():
    assert owners(students("ada"), "mail.zip/ada/whatever/1-bigram.ipynb") == ["ada"]
    assert owners(students("ada"), "ada.zip/final version of mine/1-bigram.ipynb") == ["ada"]
    # Who logged in at the platform is who it is, whatever they called their own files and folders.
    assert owners(students("bob", ada="101"), "lovelaceada_101_5001_week1.zip/bob/1-bigram.ipynb") == ["ada"]


def test_students_are_found_by_number_address_and_full_name():
    ada = SimpleNamespace(
        id="ada", lms_user_id="12345", email="ada@uni.example", first_name="Ada", last_name="Lovelace"
    )
    twins = [
        SimpleNamespace(id=f"kim{number}", lms_user_id=None, email=None, first_name="Hana", last_name="Kim")
        for number in (1, 2)
    ]
    known = Students([ada, *twins])
    for name in ("ada", "ADA", "12345", "ada@uni.example", "Ada Lovelace", "Lovelace, Ada", "Lovelace Ada", "ada (1)"):
        assert known.find(name) == "ada"
    assert known.find("Hana Kim") is None  # two of them


def test_blackboards_user_may_have_an_underscore():
    path = "Week_1_j_doe_attempt_2024-03-05-14-22-33_1-bigram.ipynb"
    assert owners(students("j_doe"), path) == ["j_doe"]
    assert owners(students("jdoe"), path.replace("j_doe", "jdoe")) == ["jdoe"]
    assert owners(EMPTY, path.replace("j_doe", "jdoe")) == ["jdoe"]


def test_a_user_is_found_by_the_full_name_where_the_number_is_not_known():
    hopper = SimpleNamespace(id="grace", lms_user_id=None, email=None, first_name="Grace", last_name="Hopper")
    for folder in ("12346-67890 - Grace Hopper - 5 March, 2024 222 PM", "Grace Hopper_77_assignsubmission_file_"):
        assert owners(Students([hopper]), f"{folder}/1-bigram.ipynb") == ["grace"]
