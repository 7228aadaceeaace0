"""Engines over the small schema."""

import pytest
import strawberry
from graphql import GraphQLSchema

from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.standard import StandardEngine
from engine.compiled.small_schema import Mutation, Query


@pytest.fixture(scope="session")
def schema() -> GraphQLSchema:
    """Return the schema."""
    return strawberry.Schema(Query, Mutation)._schema


@pytest.fixture
def engine(schema: GraphQLSchema) -> CompiledEngine:
    """Return an engine that plans at first sight."""
    return CompiledEngine(schema, sights=1)


@pytest.fixture
def standard(schema: GraphQLSchema) -> StandardEngine:
    """Return the engine whose answers are right by definition."""
    return StandardEngine(schema)
