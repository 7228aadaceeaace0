// A case page as a Relay application writes it: read by relay-compiler, never run.
// Pages of notes are fetched again over the case's node id, pages of the queue over the query.
// @throwOnFieldError takes @semanticNonNull at its word, @required does the rest.
declare function graphql(parts: TemplateStringsArray): unknown;

export const page = graphql`
  query CasePageQuery($hub: ID!, $case: ID!) @throwOnFieldError {
    case(hubId: $hub, caseId: $case) @required(action: LOG) {
      id
      name @required(action: LOG)
      dueAt
      version
      ratings(first: 5) {
        nodes {
          score
          comment
        }
      }
      ...CasePage_notes
    }
  }
`;

export const notes = graphql`
  fragment CasePage_notes on Case
  @throwOnFieldError
  @refetchable(queryName: "CasePageNotesQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    notes(first: $count, after: $cursor) @connection(key: "CasePage_notes") {
      edges {
        node {
          noteId
          text
          updatedAt
        }
      }
    }
  }
`;

export const queue = graphql`
  fragment CasePage_queue on Query
  @refetchable(queryName: "CasePageQueueQuery")
  @argumentDefinitions(
    hub: { type: "ID!" }
    filter: { type: "CaseFilter" }
    count: { type: "Int", defaultValue: 25 }
    cursor: { type: "String" }
  ) {
    cases(hubId: $hub, filter: $filter, first: $count, after: $cursor) @connection(key: "CasePage_cases") {
      __id
      edges {
        node {
          id
          name
        }
      }
    }
  }
`;

export const remove = graphql`
  mutation CasePageDeleteMutation($input: DeleteCaseInput!, $connections: [ID!]!) {
    deleteCase(input: $input) {
      outcome
      deletedId @deleteRecord @deleteEdge(connections: $connections)
      conflict {
        message
        current {
          ...CasePage_line
        }
      }
    }
  }
`;

export const rate = graphql`
  mutation CasePageRateMutation($input: AddRatingInput!, $connections: [ID!]!) {
    addRating(input: $input) {
      outcome
      rating @appendNode(connections: $connections, edgeTypeName: "RatingEdge") {
        id
        score
      }
    }
  }
`;

export const line = graphql`
  fragment CasePage_line on Case @refetchable(queryName: "CasePageLineQuery") {
    name
    status {
      name
    }
  }
`;

export const thing = graphql`
  query CasePageThingQuery($id: ID!) {
    node(id: $id) {
      __typename
      ...CasePage_line @alias(as: "asCase")
      ... on Rating {
        case {
          ...CasePage_line
        }
      }
    }
  }
`;
