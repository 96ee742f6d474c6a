import { AFTERMATH_SCENARIOS } from './aftermath.js';
import { BASIC_SCENARIOS } from './basic.js';
import { CLI_SCENARIOS } from './cli.js';
import { CONFIRM_SCENARIOS } from './confirm.js';
import { DEADLY_SCENARIOS } from './deadly.js';
import { HAZARD_SCENARIOS } from './hazards.js';
import { HOOK_SCENARIOS } from './hooks.js';
import { HOST_SCENARIOS } from './host.js';
import { IDENTITY_SCENARIOS } from './identity.js';
import { INTERRUPTION_SCENARIOS } from './interruption.js';
import { NEWER_RELEASE_SCENARIOS } from './newer-release.js';
import { OLD_CODE_SCENARIOS } from './old-code.js';
import { PASSED_OVER_SCENARIOS } from './passed-over.js';
import { REFUSAL_SCENARIOS } from './refusals.js';
import type { Scenario } from './scenario.js';
import { SPEED_SCENARIOS } from './speed.js';
import { STACK_SCENARIOS } from './stack.js';
import { STOCK_SCENARIOS } from './stock.js';
import { UNKNOWN_CODE_SCENARIOS } from './unknown-code.js';

/** Those whose names hold one of these texts, which commas separate, in the order in which they run. */
export function scenariosOf(only: string): readonly Scenario[] {
  const texts = only.split(',');
  return SCENARIOS.filter(({ name }) => texts.some((text) => name.includes(text)));
}

const SCENARIOS: readonly Scenario[] = [
  ...HOST_SCENARIOS,
  ...BASIC_SCENARIOS,
  ...STACK_SCENARIOS,
  ...HOOK_SCENARIOS,
  ...REFUSAL_SCENARIOS,
  ...PASSED_OVER_SCENARIOS,
  ...HAZARD_SCENARIOS,
  ...DEADLY_SCENARIOS,
  ...IDENTITY_SCENARIOS,
  ...CLI_SCENARIOS,
  ...CONFIRM_SCENARIOS,
  ...OLD_CODE_SCENARIOS,
  ...UNKNOWN_CODE_SCENARIOS,
  ...NEWER_RELEASE_SCENARIOS,
  ...AFTERMATH_SCENARIOS,
  ...INTERRUPTION_SCENARIOS,
  ...STOCK_SCENARIOS,
  ...SPEED_SCENARIOS,
];
