export {
  type PayloadPortrait,
  type Portrait,
  type PortraitSubject,
  portraitOf,
  type TextRange,
} from './portrait.js';
export { stackTree, type TreeNode } from './stack-tree.js';
