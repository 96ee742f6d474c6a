import type { CommandName, HiddenName } from './options/commands.js';
import type { Session } from './session.js';

/** A command's code, which is loaded only when it is the one that was typed. */
export interface CommandModule {
  /** Does it, and returns the exit code. */
  run(session: Session): Promise<number>;
}

/** Where the code of each command is. What it takes is in options/commands.ts. */
export const LOAD: Readonly<Record<CommandName | HiddenName, () => Promise<CommandModule>>> = {
  inspect: () => import('./commands/inspect.js'),
  check: () => import('./commands/check.js'),
  rehearse: () => import('./commands/rehearse.js'),
  report: () => import('./commands/report.js'),
  graph: () => import('./commands/graph.js'),
  diff: () => import('./commands/diff.js'),
  init: () => import('./commands/init.js'),
  list: () => import('./commands/list.js'),
  plan: () => import('./commands/plan.js'),
  apply: () => import('./commands/change.js'),
  revert: () => import('./commands/change.js'),
  replace: () => import('./commands/change.js'),
  upload: () => import('./commands/change.js'),
  unload: () => import('./commands/change.js'),
  load: () => import('./commands/change.js'),
  store: () => import('./commands/store.js'),
  history: () => import('./commands/history.js'),
  undo: () => import('./commands/undo.js'),
  confirm: () => import('./commands/confirm.js'),
  recover: () => import('./commands/recover.js'),
  clean: () => import('./commands/clean.js'),
  status: () => import('./commands/status.js'),
  save: () => import('./commands/save.js'),
  restore: () => import('./commands/restore.js'),
  which: () => import('./commands/which.js'),
  record: () => import('./commands/record.js'),
  sign: () => import('./commands/sign.js'),
  'verify-signature': () => import('./commands/verify-signature.js'),
  lockstep: () => import('./commands/lockstep.js'),
  agent: () => import('./commands/agent.js'),
  explain: () => import('./commands/explain.js'),
  __loaded: () => import('./commands/loaded.js'),
  '__take-back': () => import('./commands/take-back.js'),
};
