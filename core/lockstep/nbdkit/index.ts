export { type NbdkitHost, readNbdkitHost } from './host.js';
export { judgeNbdkitModule, nbdkitFolders } from './judge.js';
