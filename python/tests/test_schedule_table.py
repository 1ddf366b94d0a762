"""The table of schedules, its rows, and the cases that these are measured by."""

import json

import pytest
from conftest import SOURCE_DIR


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(SOURCE_DIR / "benchmarks"))


def test_table_is_read_and_written(tmp_path):
    from attention_benchmark import table

    path = tmp_path / "table.json"
    builtin = table.read(table.BUILTIN)
    path.write_text(str(builtin))
    assert table.read(path) == builtin
    assert path.read_text() == table.BUILTIN.read_text()
    # A line for each row, so that changes can be read.
    lines = path.read_text().splitlines()
    assert sum('"schedule"' in line for line in lines) == len(builtin.rows)
    for row in builtin.rows:
        op = builtin.op_of(row)
        assert builtin.find(op, row.head_dim) is row
        before = dict(row.schedule)
        small_rows = row.schedule.get(table.SMALL, 0)
        row.set_schedule(row.schedule_of(op["kernel"]), small_rows)
        assert row.schedule == before
    op = builtin.op_of(builtin.rows[0])
    builtin.rows.insert(0, table.Row({"mask": ["none", "keys"]}, 64, {}))
    # Without a mask its type means nothing.
    builtin.rows[0].fields["mask_elements"] = "i1"
    assert builtin.find(op, 64) is builtin.rows[0]
    assert builtin.find(op, 65) is not builtin.rows[0]
    assert builtin.find({**op, "mask": "keys"}, 64) is not builtin.rows[0]

    row = {"head_dim": 64, "measured": None, "schedule": {
        "tile_rows": 64, "tile_keys": 32, "warps": 4, "stages": 2}}  # fmt: skip
    for change, problem in (
        ({"head_dim": 0}, r"rows\[0\].head_dim: expected 1 to 256 but got 0"),
        ({"schedule": {"tile_row": 64}}, r"rows\[0\].schedule: expected no tile_row"),
        ({"schedule": {"tile_rows": 64}}, r"rows\[0\].schedule: expected stages"),
    ):
        path.write_text(json.dumps({"rows": [row | change]}))
        with pytest.raises(ValueError, match=problem):
            table.read(path)
    for text in ("[", "[]", "{}", '{"rows": [{}]}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="expected a table of schedules"):
            table.read(path)
    with pytest.raises(ValueError, match="No such file"):
        table.read(tmp_path / "missing.json")


def test_other_cases_of_rows():
    from attention_benchmark import mfa_run, table

    builtin = table.read(table.BUILTIN)
    for row in builtin.rows:
        case, mask = table.make_row_case(
            builtin.op_of(row), row.head_dim, "bf16", 2048
        )
        others = table.list_other_cases(builtin, row, "bf16", 2048)
        assert others[0] == (case, mask)
        types = {other.dtype for other, _ in others}
        assert types == ({"f32"} if case.dtype == "f32" else {"bf16", "f16"})
        for other, kind in others:
            assert other.head_dim == row.head_dim
            mfa_run.problem_options(other, kind)

    # Scores of the row's kind alone.
    def scores(*of):
        parts = (x for x in builtin.rows if x.part_of and x.head_dim == 64)
        row = next(x for x in parts if x.fields["score"] == of[0])
        cases = table.list_other_cases(builtin, row, "bf16", 2048)
        kinds = {part for _, kind in cases for part in kind.split("+")}
        return kinds & {"capped", "sloped", "biased", "capped-alibi"} == set(of[1:])

    builtin.split()
    assert scores("short", "capped")
    assert scores("long", "biased", "sloped", "capped-alibi")
    # A row of all scores has registers for all of them.
    row = next(x for x in builtin.rows if "dense+capped" in str(x.measured))
    kinds = [kind for _, kind in table.list_other_cases(builtin, row, "bf16", 2048)]
    assert {"dense+sloped", "dense+biased", "dense+capped-alibi"} <= set(kinds)


def test_rows_of_several_scores():
    """They are searched for each score, and one again where nothing differs."""
    from attention_benchmark import table

    builtin = table.read(table.BUILTIN)
    before, number = str(builtin), len(builtin.rows)
    builtin.split()
    parts = [row for row in builtin.rows if row.part_of]
    assert parts and {row.fields["score"] for row in parts} == {"short", "long"}
    assert len(builtin.rows) == number + len(parts) // 2
    for row in builtin.rows:
        assert builtin.op_of(row)
    assert str(builtin.joined()) == before

    short, long = parts[:2]
    assert short.measured and long.measured is None
    long.schedule["tile_keys"] = 48
    long.measured = {"case": "long", "tflops": 1.0}
    joined = builtin.joined()
    assert len(joined.rows) == number + 1
    assert short in joined.rows and long in joined.rows
    # Figures of the first, if it has some.
    short.schedule["tile_keys"], figures = 48, short.measured
    (row,) = (x for x in builtin.joined().rows if x.schedule == long.schedule)
    assert row.fields["score"] == ["short", "long"] and row.measured == figures
    short.measured = None
    (row,) = (x for x in builtin.joined().rows if x.schedule == long.schedule)
    assert row.measured == long.measured

    # A score for which an earlier row counts has no part.
    first = table.Row({"score": "long"}, 256, {})
    second = table.Row({"score": ["none", "short", "long"]}, 256, {})
    rows = table.Table([first, second, table.Row({}, 256, {})])
    rows.split()
    assert [row.fields.get("score") for row in rows.rows[:3]] == [
        "long", "none", "short"]  # fmt: skip


def test_cases_of_rows():
    """Each row of the built-in table is measured by sizes and a mask of its own."""
    from attention_benchmark import mfa_run, table

    builtin = table.read(table.BUILTIN)
    seen = set()
    for row in builtin.rows:
        op = builtin.op_of(row)
        case, mask = table.make_row_case(op, row.head_dim, "f16", 2048)
        options = mfa_run.problem_options(case, mask)
        assert case.head_dim == row.head_dim and case.flops(mask) > 0
        assert case.dtype == ("f32" if op["elements"] == "f32" else "f16")
        assert (case.seq_q <= 64) == (op["queries"] == "few")
        assert ("--mask=dense" in options) == (op["mask"] != "none")
        for option, name in (("keep", "rule"), ("score", "score")):
            has_option = any(x.startswith(f"--{option}=") for x in options)
            has_field = op[name] not in ("none", "mask-list")
            assert has_option == has_field, (str(row), options)
        assert ("--mask-fill=causal" in options) == (op["rule"] == "mask-list")
        seen.add((op["kernel"], case, mask))
    assert len(seen) == len(builtin.rows)
    builtin.split()
    cases = {
        (op["kernel"], *table.make_row_case(op, row.head_dim, "f16", 2048))
        for row in builtin.rows
        for op in [builtin.op_of(row)]
    }
    assert len(cases) == len(builtin.rows)
    op = builtin.op_of(builtin.rows[0]) | {"queries": "many", "mask": "matrix"}
    op |= {"mask_elements": "i1", "rule": "uneven"}
    case, mask = table.make_row_case(op, 128, "bf16", 2048)
    options = mfa_run.problem_options(case, mask)
    assert {"--mask=dense", "--mask-dtype=i1", "--keep=causal"} <= set(options)
    assert case.flops(mask) == case.flops("causal") == case.flops("none") / 2
