// graphql-eslint over the schema and the operations: all that it recommends, and Relay's rules.
// A rule that is told otherwise than by default has its reason beside it.
import graphql from '@graphql-eslint/eslint-plugin';

const { configs, parser } = graphql;
const graphQLConfig = { schema: 'schema.graphql', documents: 'operations/*.graphql' };

// What nothing can be asked for again, so that a client's cache keeps it inside of its owner.
const VALUES = [
  // Parts of one record, some with an id of their vendor that is unique within that record only.
  ...['CaseRole', 'CaseSource', 'ListValue', 'DataField', 'ProgramListItem', 'SubCategory'],
  ...['ReviewAnswer', 'Interaction', 'CustomField', 'Author', 'Freshness'],
  // People, teams and rules that no system can be asked for: they come embedded, each time with
  // as much as that record tells of them, and a cache that merged them would mix moments.
  ...['User', 'Reviewer', 'RatingUser', 'RatingTeam', 'Workflow', 'Trigger', 'Review'],
  // How one mutation ended.
  ...['UserError', 'CaseConflict', 'RatingConflict', 'FieldChange', 'FieldDifference'],
  // Relay's own, which has no id by its specification.
  'PageInfo',
];

export default [
  {
    files: ['**/*.graphql'],
    plugins: { '@graphql-eslint': graphql },
    languageOptions: { parser, parserOptions: { graphQLConfig } },
  },
  {
    files: ['schema.graphql'],
    rules: {
      ...configs['flat/schema-recommended'].rules,
      ...configs['flat/schema-relay'].rules,
      // Payloads end with their answer; connections and edges have none by Relay's specification.
      '@graphql-eslint/strict-id-in-types': [
        'error',
        { exceptions: { types: VALUES, suffixes: ['Payload', 'Connection', 'Edge'] } },
      ],
      // `Case.id` is the global id, so the vendor's needs another name, and `caseId` is what it is
      // called wherever else it stands (arguments, `Note.caseId`). `User.userName` is the vendor's
      // word for a sign-in name, which a plain `name` would pass off as somebody's name.
      '@graphql-eslint/no-typename-prefix': 'off',
      // Forward only: no upstream can be read from its end, and Relay asks for one of both ways.
      '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
      // A list that comes whole with its owner needs no pages: no rule of Relay's specification.
      '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false }],
    },
  },
  {
    files: ['operations/*.graphql'],
    rules: configs['flat/operations-recommended'].rules,
  },
];
