"""People as the systems embed them; none of them offers a person's page to link to."""

import strawberry


@strawberry.type(description="An end user of Action Management, as embedded in cases and notes.")
class User:
    """Field source: action_management.records.User."""

    user_id: strawberry.ID = strawberry.field(description="The vendor's id of the user (`id`).")
    user_name: str | None = strawberry.field(description="Sign-in name (`userName`).")
    is_active: bool | None = strawberry.field(
        description="False for people who have left; they stay on the cases they worked on."
    )


@strawberry.type(description="The person a review is assigned to, in the reviews system.")
class Reviewer:
    """Field source: case_reviews.records.Reviewer."""

    user_id: strawberry.ID | None = strawberry.field(description="Id in the reviews system.")
    first_name: str | None = strawberry.field(description="Given name, where told.")
    last_name: str | None = strawberry.field(description="Family name, where told.")
    full_name: str | None = strawberry.field(description="Name to show, where told.")


@strawberry.type(description="A customer or an agent in the ratings system.")
class RatingUser:
    """Field source: ratings.records.RatingUser."""

    user_id: strawberry.ID | None = strawberry.field(description="Id in the ratings system.")
    full_name: str | None = strawberry.field(description="Name to show, where told.")


@strawberry.type(description="A team of agents in the ratings system.")
class RatingTeam:
    """Field source: ratings.records.RatingTeam."""

    team_id: strawberry.ID | None = strawberry.field(description="Id in the ratings system.")
    title: str | None = strawberry.field(description="Name of the team, where told.")


@strawberry.type(description="Who wrote a piece of social content.")
class Author:
    """Field source: customer_cases.records.Author."""

    service: str | None = strawberry.field(description="The social network, as `facebook`.")
    service_id: strawberry.ID | None = strawberry.field(
        description="The author's id at that network (`serviceId`)."
    )
    handle: str | None = strawberry.field(description="The name used there, as `@ada`.")
    name: str | None = strawberry.field(description="Name to show.")
    is_brand_owned: bool | None = strawberry.field(
        description="Whether the company itself wrote it (`brandOwned`)."
    )
