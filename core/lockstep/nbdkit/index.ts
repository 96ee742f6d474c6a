export { type NbdkitHost, readNbdkitHost } from './host.js';
export {
  answerNbdkit,
  judgeNbdkitModule,
  type NbdkitFacts,
  nbdkitFacts,
  nbdkitFolders,
} from './judge.js';
export type { Role } from './module.js';
