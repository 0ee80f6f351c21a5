"""What two runs of the benchmarks say about each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from .compare import change, compare
from .results import Better, Result, Results, read


def result(value: float, better: Better = "higher", ratio: float | None = None) -> Result:
    return Result("rate", value, "pods/s", better, ratio, None if ratio is None else "plain")


@pytest.mark.parametrize("base, new, expected", [
    (result(100), result(150), 0.5),
    (result(100), result(50), -0.5),
    (result(2, "lower"), result(1, "lower"), 1.0),
    (result(1, "lower"), result(2, "lower"), -0.5),
    # A slower hour: the figure is half as large, what it is compared with as well.
    (result(100, ratio=0.5), result(50, ratio=0.5), 0.0),
    # Only one of them has a ratio: the figures count.
    (result(100, ratio=0.5), result(50), -0.5),
    (result(0), result(50), None),
])
def test_better_and_worse(base: Result, new: Result, expected: float | None) -> None:
    assert change(base, new) == expected


def test_what_got_worse_by_more_than_a_tenth_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for number, values in enumerate([{"same": 100.0, "little": 100.0, "much": 100.0, "gone": 1.0}, {"same": 100.0, "little": 91.0, "much": 89.0, "new": 1.0}]):
        results = Results({"connector": "test"})
        for name, value in values.items():
            results.add(name, value, "pods/s", "higher")
        files.append(tmp_path / f"{number}.json")
        results.write(files[-1])
    lines, worse = compare(read(files[0]), read(files[1]))
    assert worse == ["much"]
    assert any("gone is no longer measured" in " ".join(line.split()) for line in lines)
    assert any(line.split()[0] == "new" and line.endswith("new") for line in lines)


def test_a_ratio_is_to_another_figure_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    results = Results({})
    plain = results.add("plain", 200, "pods/s", "higher")
    assert results.add("ours", 100, "pods/s", "higher", plain).ratio == 0.5
    assert "0.50 of plain" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", '{"results": [{"name": "x"}]}'])
def test_a_file_of_something_else_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(SystemExit, match="old.json"):
        read(path)
