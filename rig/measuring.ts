/** A machine that can be made to stand still: no time passes in it meanwhile. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

/** The machines that run at a time. While one of them measures, the others stand still. */
export class Machines {
  readonly #running = new Set<Pausable>();
  /** Those that measure, or are about to, in the order in which they began: all but the first stand still. */
  readonly #measuring: Pausable[] = [];

  add(machine: Pausable): void {
    this.#running.add(machine);
    if (this.#measuring.length > 0) machine.pause();
  }

  remove(machine: Pausable): void {
    this.#running.delete(machine);
    this.end(machine);
  }

  begin(machine: Pausable): void {
    this.#measuring.push(machine);
    if (this.#measuring[0] !== machine) return;
    for (const other of this.#running) if (other !== machine) other.pause();
  }

  /** Nothing where it was not measuring. */
  end(machine: Pausable): void {
    const index = this.#measuring.indexOf(machine);
    if (index < 0) return;
    this.#measuring.splice(index, 1);
    if (index > 0) return;
    const [next] = this.#measuring;
    if (next === undefined) for (const other of this.#running) other.resume();
    else {
      if (this.#running.has(machine)) machine.pause();
      next.resume();
    }
  }
}
