import { appliedOf, gatheredOf, idAt, type Model, type ModelPayload } from '../verify/index.js';

/** True where all that are applied build one on the other, and this one on the top or it is one of them. */
export function isOneChain(model: Model, payload: ModelPayload): boolean {
  const applied = appliedOf(model);
  if (breaksIn(model, applied).count > 0) return false;
  const top = applied.at(-1);
  return top === undefined || payload.state === 'APPLIED' || buildsOn(model, payload, top);
}

/** How many of the applied do not build on the one below them. */
const breaksIn = gatheredOf({
  start: () => ({ count: 0, below: [] as ModelPayload[] }),
  add: (found, payload: ModelPayload, model: Model) => {
    const top = found.below.at(-1);
    const breaks = top === undefined || buildsOn(model, payload, top) ? 0 : 1;
    found.count += breaks;
    found.below.push(payload);
    return () => {
      found.count -= breaks;
      found.below.pop();
    };
  },
});

function buildsOn({ memory }: Model, { depends }: ModelPayload, { buildId }: ModelPayload) {
  const id = idAt(memory, buildId);
  return id !== null && idAt(memory, depends) === id;
}
