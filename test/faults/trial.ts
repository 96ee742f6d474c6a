/** What must never be. `skipped`: the machine did not let it be tried. */
export type Wrong = 'wrong state' | 'false report' | 'blocked' | 'skipped';

export interface Fault {
  readonly wrong: Wrong;
  /** In words that are the same for the same fault at another place. */
  readonly what: string;
  /** Where it was seen; absent where the trial says all. */
  readonly place?: string;
}

/** One thing tried, with all that was wrong about it. */
export interface Trial {
  /** The row of the table that it counts in. */
  readonly row: string;
  readonly faults: readonly Fault[];
  /** The words after `npm run test:faults --` that do it again. */
  readonly again: string;
}

/** What all parts are given. */
export interface Setting {
  readonly seed: number;
  /** Everything, instead of a share that meets every kind. */
  readonly all: boolean;
  /** A folder of its own, which goes at the end. */
  readonly scratch: string;
  /** Only scenarios and rows whose names hold this. */
  readonly only: string;
  /** Only this call; null: all that the part chooses. */
  readonly at: number | null;
  /** Only this way to go wrong; null: all. */
  readonly how: string | null;
  readonly lasting: boolean;
  /** True where the output is to be read as text, false as JSON; null: as the part chooses. */
  readonly text: boolean | null;
  /** Prints what was found when a group of trials has ended: a run that is stopped loses none of it. */
  readonly show: (trials: readonly Trial[]) => void;
}

export type Part = (setting: Setting) => Promise<readonly Trial[]>;

/** Examples that are shown of one fault. */
const EXAMPLES = 4;

/** A row for each thing tried: what, tried, wrong states, false reports, blocked, seed. */
export function tableOf(trials: readonly Trial[], seed: number): string {
  const head = ['what', 'tried', 'wrong states', 'false reports', 'blocked', 'seed'];
  const rows = [...new Set(trials.map(({ row }) => row))].map((row) => rowOf(row, trials));
  const lines = [head, ...rows.map((cells) => [...cells, String(seed)])];
  const widths = head.map((_, column) =>
    Math.max(...lines.map((cells) => (cells[column] ?? '').length)),
  );
  return lines
    .map((cells) =>
      cells
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}

function rowOf(row: string, trials: readonly Trial[]): readonly string[] {
  const mine = trials.filter((trial) => trial.row === row);
  const count = (wrong: Wrong) =>
    String(mine.filter(({ faults }) => faults.some((fault) => fault.wrong === wrong)).length);
  const tried = mine.filter(({ faults }) => !faults.some(({ wrong }) => wrong === 'skipped'));
  return [row, String(tried.length), count('wrong state'), count('false report'), count('blocked')];
}

/** Each distinct fault with how often it was seen, and how to see it again. */
export function faultsText(trials: readonly Trial[]): string {
  const seen = new Map<string, string[]>();
  for (const { row, faults, again } of trials) {
    for (const { wrong, what, place } of faults) {
      const key = `${wrong}: ${what}`;
      seen.set(key, [...(seen.get(key) ?? []), `${again}    # ${place ?? row}`]);
    }
  }
  return [...seen]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([key, examples]) => {
      const shown = examples
        .slice(0, EXAMPLES)
        .map((words) => `    npm run test:faults -- ${words}`);
      return [`${examples.length} × ${key}`, ...shown].join('\n');
    })
    .join('\n');
}
