// The pages of a case application over its generated client: `node pages.js URL WISHES [trusted]`.
// Prints one JSON object: under each operation's name its answers, under `lines` what the typed
// results say when they are put into words. All nulls that the types know of are looked at.
import { asked } from './ask.js';
import {
  CaseLineFragmentDoc,
  CasePageDocument,
  CustomerCaseLineFragmentDoc,
  CustomerPageDocument,
  NewestRatingsDocument,
  PlaceFragmentDoc,
  QueueDocument,
  RatingLineFragmentDoc,
  ReviewLineFragmentDoc,
  ThingDocument,
  type CasePageQuery,
  type CaseFilter,
  type CustomerPageQuery,
  type QueueQuery,
  type RatingScore,
} from './client/graphql.js';
import { unmask } from './client/index.js';

interface Wishes {
  readonly hub: string;
  readonly case: string;
  readonly customer: string;
  readonly questions: string[];
  readonly filter: CaseFilter;
  readonly pages: number;
}

const MARKS: Record<RatingScore, string> = { GOOD: '+', BAD: '-', UNKNOWN: '?' };

function caseLines(page: CasePageQuery): string[] {
  const found = page.case;
  if (found === null) return [];
  const line = unmask(CaseLineFragmentDoc, found);
  return [
    `${line.caseId} ${line.name ?? '(no name)'}: ${line.status?.name ?? 'no status'}`,
    ...(found.dataFields ?? []).map((field) => `${field.questionName ?? ''}=${field.value ?? ''}`),
    ...(found.notes?.nodes ?? []).map((note) => `${note.createdBy?.userName ?? ''}: ${note.text ?? ''}`),
    ...unmask(RatingLineFragmentDoc, found.ratings?.nodes ?? []).map(
      (rating) => `${rating.score === null ? ' ' : MARKS[rating.score]} ${rating.comment ?? ''}`,
    ),
    ...unmask(CustomerCaseLineFragmentDoc, found.customerCases ?? []).map(
      (social) => `${social.number ?? ''} ${social.socialStatus ?? ''}`,
    ),
  ];
}

function customerLines(page: CustomerPageQuery): string[] {
  return (page.customerCases ?? []).flatMap((social) => [
    ...social.customFields.map((field) => `${field.name}=${field.value ?? ''}`),
    ...(social.interactions ?? []).map((each) => `${each.author?.name ?? ''}: ${each.body ?? ''}`),
  ]);
}

const [client, wishes] = asked<Wishes>();
const { hub, customer } = wishes;

const casePage = await client.ask(CasePageDocument, { hub, case: wishes.case, questions: wishes.questions });

const queue: QueueQuery[] = [];
let after: string | null = null;
do {
  const page: QueueQuery = await client.ask(QueueDocument, {
    hub,
    filter: wishes.filter,
    orderBy: { field: 'DUE_AT', direction: 'ASC' },
    after,
  });
  queue.push(page);
  const place = page.cases === null ? null : unmask(PlaceFragmentDoc, page.cases.pageInfo);
  after = place?.hasNextPage === true ? place.endCursor : null;
} while (after !== null && queue.length < wishes.pages);

const customerPage = await client.ask(CustomerPageDocument, { customer });
const newest = await client.ask(NewestRatingsDocument, { of: { caseId: wishes.case }, limit: 2 });

const found = casePage.case;
const ids = [
  found === null ? [] : [unmask(CaseLineFragmentDoc, found)],
  found?.notes?.nodes ?? [],
  unmask(ReviewLineFragmentDoc, found?.reviews?.nodes ?? []),
  unmask(RatingLineFragmentDoc, found?.ratings?.nodes ?? []),
  unmask(CustomerCaseLineFragmentDoc, customerPage.customerCases ?? []),
].flatMap((each) => each.slice(0, 1).map((thing) => thing.id));
const things = await Promise.all(ids.map((id) => client.ask(ThingDocument, { id })));

console.log(
  JSON.stringify({
    CasePage: casePage,
    Queue: queue,
    CustomerPage: customerPage,
    NewestRatings: newest,
    Thing: things,
    ids,
    lines: { case: caseLines(casePage), customer: customerLines(customerPage) },
  }),
);
