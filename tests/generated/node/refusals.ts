// What the generated types refuse. Each expected error is one: were a type `any`, or looser than it
// is, the compiler would call the comment above it unused. Never run.
import type { Client } from './ask.js';
import { CasePageDocument, ChangeCaseDocument, NewestRatingsDocument, QueueDocument } from './client/graphql.js';
import type { CasePageQuery as Nullable } from './client/graphql.js';
import type { CasePageQuery as Throwing } from './throwing/graphql.js';

export async function refused(client: Client): Promise<void> {
  // @ts-expect-error the case is required
  await client.ask(CasePageDocument, { hub: '96' });
  // @ts-expect-error there is no such variable
  await client.ask(CasePageDocument, { hub: '96', case: '1', page: 2 });
  // @ts-expect-error there is no such order
  await client.ask(QueueDocument, { hub: '96', orderBy: { field: 'NAME', direction: 'ASC' } });
  // @ts-expect-error a moment is a text, not a number of milliseconds
  await client.ask(QueueDocument, { hub: '96', filter: { createdFrom: 1 } });
  // @ts-expect-error exactly one of the three, none is not enough
  await client.ask(NewestRatingsDocument, { of: {} });
  // @ts-expect-error exactly one of the three, two are too many
  await client.ask(NewestRatingsDocument, { of: { caseId: '1', userId: '2' } });
  // @ts-expect-error a case is named by hub and number
  await client.ask(ChangeCaseDocument, { input: { caseId: '1', name: 'New' } });
}

export function readCarelessly(page: Nullable): unknown[] {
  return [
    // @ts-expect-error there may be no such case
    page.case.cost,
    // @ts-expect-error its notes may have failed
    page.case?.notes.nodes,
    // @ts-expect-error fields of a masked fragment are for whoever unmasks it
    page.case?.name,
    // @ts-expect-error never asked for
    page.case?.isOverdue,
  ];
}

/** Where any error is thrown, null stands for what is not there, and never for a failure. */
export function readWhereErrorsThrow(page: Throwing): unknown[] {
  return [
    page.case?.notes.nodes.length,
    page.case?.version.length,
    page.case?.customerCases.length,
    // @ts-expect-error there may still be no such case
    page.case.cost,
    // @ts-expect-error it may still have no workflow
    page.case?.workflow.name,
  ];
}
