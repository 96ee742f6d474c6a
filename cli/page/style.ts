/** Colours of both themes: each text colour has a contrast of 4.5 to 1 or more with its ground. */
export const COLOURS = `
:root { color-scheme: light dark; --ground: #fff; --raised: #f4f5f7; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de;
  --good: #116329; --bad: #b3151f; --warn: #7d4e00; --link: #0550ae; --old: #ffebe9; --new: #dafbe1; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --raised: #161b22; --ink: #e6edf3; --soft: #9aa4af;
  --line: #30363d; --good: #56d364; --bad: #ff8a80; --warn: #e3b341; --link: #79b8ff; --old: #3c1618; --new: #12361f; } }
`;

/** Of the pictures, alone or in a page. */
export const PICTURE_STYLE = `
svg text { font: 13px system-ui, sans-serif; fill: var(--ink); }
svg .soft { fill: var(--soft); } svg .good { fill: var(--good); } svg .bad { fill: var(--bad); } svg .warn { fill: var(--warn); }
svg .edge { stroke: var(--soft); stroke-width: 2; fill: none; } svg .gap { stroke-dasharray: 3 4; }
svg .ground { fill: var(--ground); } svg .band { fill: var(--raised); stroke: var(--line); }
svg circle { stroke: var(--ground); stroke-width: 2; } svg .hole { fill: var(--ground); stroke: var(--bad); stroke-dasharray: 3 2; }
svg .patch { fill: var(--link); } svg .patch.bad { fill: var(--bad); }
`;

export const PAGE_STYLE = `
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 76rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h3 { margin: 2rem 0 .5rem; font-size: 1.1rem; } h4 { margin: 1rem 0 .25rem; font-size: 1rem; }
a { color: var(--link); } code, .code { font: 13px/1.45 ui-monospace, monospace; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.word { font-weight: 600; overflow-wrap: normal; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; } th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; }
th { font-weight: 600; overflow-wrap: normal; } td.code, td.number { overflow-wrap: normal; white-space: nowrap; } tbody tr { border-top: 1px solid var(--line); } .number { text-align: right; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
ul.findings { padding-left: 1.2rem; } ul.findings li { margin: .4rem 0; }
article.payload { border: 1px solid var(--line); border-radius: 6px; padding: 0 1rem 1rem; margin: 1rem 0; background: var(--raised); }
details { margin: .25rem 0; } summary { cursor: pointer; padding: .15rem 0; }
summary:focus-visible, a:focus-visible, .scroll:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
table.code { background: var(--ground); border: 1px solid var(--line); } table.code td, table.code th { padding: 0 .75rem; white-space: pre; }
table.code tbody tr { border: 0; } td.old { background: var(--old); } td.new { background: var(--new); }
@media (max-width: 36rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; } }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } nav { break-inside: avoid; } .scroll { overflow: visible; } .scroll svg { max-width: 100%; max-height: 215mm; width: auto; height: auto; }
  article.payload { break-inside: avoid-page; background: none; } section + section h2 { break-before: page; } h3, h4 { break-after: avoid; } a { color: inherit; text-decoration: none; } }
`;
