/** What several payloads are to each other: layers on one another, or alternatives of which one is used alone. */
export type SetMode = 'chain' | 'alternatives';
