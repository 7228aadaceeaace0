"""The compiled engine alone: what it plans, what it leaves to the standard one, and its batches."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLSchema

from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.compiled.memory import VARIANTS_MAX
from casegraph.engine.compiled.plan import DEPTH_MAX, STEPS_MAX, Plan
from casegraph.engine.limits import Limits
from casegraph.engine.standard import Operation, StandardEngine
from engine.compiled.small_schema import Book, Context
from engine.compiled.telling import told

WIDE = Limits(
    characters=10**6, tokens=10**6, depth=200, aliases=10**4, root_fields=10**4, fields=10**4
)


async def test_a_document_is_planned_when_it_comes_again(schema: GraphQLSchema) -> None:
    """The first time it is run as ever, and nothing of it is kept but that it came."""
    engine = CompiledEngine(schema)
    asked = Operation("{ books { title } }")

    plans = []
    for _ in range(2):
        result = await engine.run(asked, Context())
        assert result.data == {"books": [{"title": "A"}, {"title": "B"}]}
        plans.append(len(engine._documents))

    assert plans == [0, 1]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("mutation { touch }", "a mutation"),
        ("{ __schema { queryType { name } } }", "introspection"),
        ('{ __type(name: "Book") { name } }', "introspection"),
        ("{ books { title } " + " ".join(f"a{n}: __typename" for n in range(STEPS_MAX)) + " }",
         f"more than {STEPS_MAX} fields"),
        ("{ books " + "{ sequel " * DEPTH_MAX + "{ title }" + " }" * DEPTH_MAX + " }",
         f"more than {DEPTH_MAX} levels"),
    ],
)  # fmt: skip
async def test_what_is_not_planned_is_run_as_ever(
    schema: GraphQLSchema, standard: StandardEngine, query: str, reason: str
) -> None:
    """It has no plan, for the reason said, and the answer is the standard one."""
    engine = CompiledEngine(schema, sights=1, limits=WIDE)
    truth = StandardEngine(schema, limits=WIDE)

    assert engine.plan(Operation(query)) == reason
    expected = await truth.run(Operation(query), Context())
    for _ in range(2):
        assert (await engine.run(Operation(query), Context())).data == expected.data
    assert expected.data is not None


async def test_directives_that_are_not_known_keep_a_document_from_being_planned(
    schema: GraphQLSchema,
) -> None:
    """Only those that were named, and @skip and @include, leave it to the compiled engine."""
    query = "{ books @deprecated { title } }"
    document = CompiledEngine(schema, directives=frozenset({"deprecated"}))
    stranger = CompiledEngine(schema)
    for each in (document, stranger):
        each._rules = ()

    assert isinstance(document.plan(Operation(query)), Plan)
    assert "directive" in str(stranger.plan(Operation(query)))


async def test_one_call_answers_for_all_parents(engine: CompiledEngine) -> None:
    """A batch gets the parents of a level, the arguments, and the place of the first of them."""
    context = Context()

    result = await engine.run(
        Operation('{ books { sequel { price(currency: "CHF") rank } } }'), context
    )

    assert result.errors is None
    assert result.data == {
        "books": [
            {"sequel": {"price": "1 CHF", "rank": 0}},
            {"sequel": {"price": "0 CHF", "rank": 1}},
        ]
    }
    assert context.calls == {"sequel": 2, "prices": 1, "ranks": 1}
    assert context.paths == [["books", 0, "sequel", "price"]]


async def test_a_failure_in_a_batch_is_that_of_its_field_alone(engine: CompiledEngine) -> None:
    """The others of the level have their values; the null rises from where the failure stands."""
    context = Context(value=[Book(title="bad", pages=-1), Book(title="good", pages=3)])

    result = await engine.run(Operation("{ anyBooks { title price } books { price } }"), context)

    assert result.data == {"anyBooks": None, "books": [{"price": "2 EUR"}, {"price": "1 EUR"}]}
    assert told(result) == [("no price of bad", ["anyBooks", 0, "price"], [(1, 20)], "ValueError")]


@pytest.mark.parametrize(
    ("value", "message"),
    [("raise", "no ranks"), ("short", "The batch of Book.rank does not fit its parents.")],
)
async def test_a_batch_that_fails_fails_for_all(
    engine: CompiledEngine, value: str, message: str
) -> None:
    """Whatever it does, each of its fields has an error and its siblings stand."""
    result = await engine.run(Operation("{ books { title rank } }"), Context(value=value))

    assert result.data == {"books": [{"title": "A", "rank": None}, {"title": "B", "rank": None}]}
    assert [each[:2] for each in told(result)] == [
        (message, ["books", 0, "rank"]),
        (message, ["books", 1, "rank"]),
    ]


async def test_what_a_batch_has_still_to_wait_for_is_waited_for(
    engine: CompiledEngine, standard: StandardEngine
) -> None:
    """A leaf that is still to come when its batch has come is put in when it is there."""
    query = "{ anyBooks { title extra extras sequel { extra } } }"
    context = Context(value=[Book(title="A", pages=2), Book(title="B", pages=0)])

    expected = await standard.run(Operation(query), context)
    for _ in range(2):
        result = await engine.run(Operation(query), context)
        assert result.data == expected.data
        assert told(result) == told(expected)
    assert [each["extra"] for each in expected.data["anyBooks"]] == [{"pages": 2}, None]


async def test_who_is_cancelled_inside_is_cancelled(engine: CompiledEngine) -> None:
    """A cancellation is no failure of a field."""
    with pytest.raises(asyncio.CancelledError):
        await engine.run(Operation("{ books { cancelling } }"), Context())


async def test_cancelling_a_run_ends_all_that_it_began(engine: CompiledEngine) -> None:
    """Every resolver that was waiting has been left when the run is gone."""
    context = Context(awaited=6)
    query = "{ books { hanging sequel { hanging } } again: books { hanging } }"
    before = asyncio.all_tasks()
    run = asyncio.create_task(engine.run(Operation(query), context))
    await context.gate.wait()

    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert sorted(context.ended) == ["A", "A", "A II", "B", "B", "B II"]
    assert asyncio.all_tasks() == before


async def test_nothing_is_left_when_the_whole_answer_is_null(engine: CompiledEngine) -> None:
    """What hangs beside a null that has risen to the root is ended and not waited for."""
    context = Context(value=ValueError("bad"))

    result = await engine.run(Operation("{ must books { hanging } }"), context)

    assert (result.data, [each[0] for each in told(result)]) == (None, ["bad"])
    assert len(asyncio.all_tasks()) == 1


def _used_up() -> Iterator[Book]:
    yield Book(title="once", pages=1)
    raise LookupError("no more")


VALUES = [
    None, 3, 2**31, -(2**31), 1.0, float("nan"), "5", True, [], ValueError("an exception"),
    asyncio.sleep, (Book(title="t", pages=1),), [None], "text", {"a": 1}, range(2), 10**400,
    [Book(title=None, pages=1), Book(title="t", pages=2**40)],  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
async def test_odd_values_come_out_as_ever(
    engine: CompiledEngine, standard: StandardEngine, value: Any
) -> None:
    """Data and errors are those of the standard engine, however often it is run."""
    for query in ("{ anyInt }", "{ must }", "{ anyBooks { title pages } anyInt }"):
        expected = await standard.run(Operation(query), Context(value=value))
        for _ in range(2):
            result = await engine.run(Operation(query), Context(value=value))
            assert repr(result.data) == repr(expected.data)
            assert told(result) == told(expected)


async def test_what_can_be_gone_through_once_is_gone_through_once(engine: CompiledEngine) -> None:
    """A generator that fails fails its list, and what it gave before is not asked for again."""
    result = await engine.run(Operation("{ anyBooks { title price } }"), Context(value=_used_up()))

    assert result.data == {"anyBooks": None}
    assert [each[:2] for each in told(result)] == [("no more", ["anyBooks"])]


async def test_one_exception_of_many_fields_keeps_its_traceback(engine: CompiledEngine) -> None:
    """It is told once for each field and never raised again, so it does not grow."""
    error = ValueError("shared")
    context = Context()
    query = "{ anyInt " + " ".join(f"a{n}: anyInt" for n in range(19)) + " }"

    for _ in range(3):
        context.value = error
        result = await engine.run(Operation(query), context)
        assert len(result.errors or ()) == 20
        assert {each.original_error for each in result.errors or ()} == {error}

    assert error.__traceback__ is None


async def test_each_choice_of_what_is_left_out_has_a_plan_up_to_a_bound(
    engine: CompiledEngine, standard: StandardEngine
) -> None:
    """Beyond the bound of plans the answers are the standard ones, and none is added."""
    names = [f"v{n}" for n in range(6)]
    variables = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: __typename @include(if: ${name})" for name in names)
    query = f"query ({variables}) {{ z: __typename {fields} }}"

    for number in range(40):
        values = {name: bool(number >> at & 1) for at, name in enumerate(names)}
        result = await engine.run(Operation(query, values), Context())
        assert set(result.data or ()) == {"z", *(name for name, on in values.items() if on)}

    plans = engine._documents.get(query)
    assert plans is not None
    assert len(plans.operations[None].variants) == VARIANTS_MAX


async def test_variables_that_do_not_fit_are_told_as_ever(
    engine: CompiledEngine, standard: StandardEngine
) -> None:
    """Before anything runs, in the same words, and without data."""
    operation = Operation("query ($c: String!) { books { price(currency: $c) } }", {"c": 3})

    result = await engine.run(operation, Context())
    expected = await standard.run(operation, Context())

    assert result.data is None
    assert told(result) == told(expected)


async def test_code_holds_none_of_the_documents_text(engine: CompiledEngine) -> None:
    """Aliases and values are constants; the operation's name stands in the file name, made safe."""
    query = 'query Odd { evil__import__: books { os_system: price(currency: "£; rm") } }'
    plan = engine.plan(Operation(query))
    assert isinstance(plan, Plan)

    text = engine.code(plan).text

    assert not any(each in text for each in ("evil", "os_system", "rm", "Odd"))
    assert plan.root.make.__code__.co_filename == "<operation Odd>"


async def test_memory_is_bounded_by_what_plans_weigh(schema: GraphQLSchema) -> None:
    """However many documents come, what is kept weighs no more than its bound."""
    engine = CompiledEngine(schema, sights=1, limits=WIDE)
    engine._documents._weight_max = 200_000

    for number in range(100):
        fields = " ".join(f"f{number}x{at}: __typename" for at in range(10))
        await engine.run(Operation(f"{{ {fields} }}"), Context())

    assert 0 < engine._documents.weight <= 200_000
    assert 1 <= len(engine._documents) < 10
