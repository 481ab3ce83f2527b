from skerry.bench.grid import Column, Grid, markdown, short


def test_long_names_give_way_in_the_middle() -> None:
    assert short("gradient-boosting-v12", 10) == "gradi…-v12"
    assert short("short", 10) == "short"


def test_a_bar_in_a_name_ends_no_cell() -> None:
    grid = Grid("", (Column("name", ("a|b",), is_number=False),))
    assert markdown(grid) == "| name |\n| --- |\n| a\\|b |\n"
