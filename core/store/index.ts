export { keepPayloads } from './keeping.js';
export {
  type Added,
  type NewPayload,
  PayloadStore,
  type SignatureBeside,
  type StoredState,
} from './payload-store.js';
export type { StoredPayload } from './stored-payload.js';
