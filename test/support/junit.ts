import { parseXml, type XmlElement } from './xml.js';

/** What an element may hold; `required` are attributes. */
interface Shape {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly children: readonly string[];
}

/**
 * The fields that both readers document: GitLab's unit test reports (docs.gitlab.com, ci/testing/unit_test_reports,
 * "JUnit XML format": testsuite, testcase classname, name, file, time; failure, error, skipped, system-out) and
 * the junit-10.xsd of Jenkins' xUnit plugin (one of failure, error, skipped a case; counts are numbers).
 */
const SHAPES: Readonly<Record<string, Shape>> = {
  testsuites: {
    required: [],
    optional: ['name', 'tests', 'failures', 'errors', 'time'],
    children: ['testsuite'],
  },
  testsuite: {
    required: ['name', 'tests', 'failures', 'errors'],
    optional: ['skipped', 'time'],
    children: ['testcase'],
  },
  testcase: {
    required: ['name', 'classname'],
    optional: ['file', 'time'],
    children: ['failure', 'error', 'skipped', 'system-out'],
  },
  failure: { required: ['message', 'type'], optional: [], children: [] },
  error: { required: ['message', 'type'], optional: [], children: [] },
  skipped: { required: [], optional: ['message'], children: [] },
  'system-out': { required: [], optional: [], children: [] },
};

/** Reads a report. Throws where it is not what both readers take. */
export function readJunit(text: string): XmlElement {
  const root = parseXml(text);
  if (root.name !== 'testsuites') throw new Error(`the root is ${root.name}`);
  checkElement(root);
  return root;
}

function checkElement(element: XmlElement): void {
  const { name, attributes, children } = element;
  const shape = SHAPES[name];
  if (shape === undefined) throw new Error(`nobody reads ${name}`);
  for (const key of shape.required) {
    if (!(key in attributes)) throw new Error(`${name} has no ${key}`);
  }
  for (const [key, value] of Object.entries(attributes)) {
    if (![...shape.required, ...shape.optional].includes(key)) {
      throw new Error(`${name} has ${key}`);
    }
    const isNumber = ['tests', 'failures', 'errors', 'skipped', 'time'].includes(key);
    if (isNumber && !/^\d+(\.\d+)?$/.test(value)) throw new Error(`${key} is ${value}`);
  }
  for (const child of children) {
    if (!shape.children.includes(child.name)) throw new Error(`${name} holds ${child.name}`);
    checkElement(child);
  }
  if (name === 'testcase' && children.filter((c) => c.name !== 'system-out').length > 1) {
    throw new Error('a case has more than one answer');
  }
  if (name === 'testsuite') checkCounts(element);
}

function checkCounts({ attributes, children }: XmlElement): void {
  const having = (name: string) =>
    children.filter((one) => one.children.some((child) => child.name === name)).length;
  const counted = {
    tests: children.length,
    failures: having('failure'),
    errors: having('error'),
    skipped: having('skipped'),
  };
  for (const [key, count] of Object.entries(counted)) {
    if (Number(attributes[key] ?? count) !== count) {
      throw new Error(`${key} is ${attributes[key]}, there are ${count}`);
    }
  }
}
