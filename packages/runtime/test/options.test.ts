import {
  describeOptions,
  flagOption,
  number,
  parseOptions,
  seconds,
  textOption,
  UserError,
  wholeNumber,
  wholeNumbers,
} from '@chat-cluster/runtime';
import { expect } from 'chai';
import { z } from 'zod';

const schema = z.object({
  url: z.string(),
  rate: wholeNumber(1, 1_000).default(100),
  ratio: number(0, 1).optional(),
  sizes: wholeNumbers(1, 9).optional(),
  'ramp-up': seconds(1).optional(),
  mode: z.enum(['fast', 'slow']).default('fast'),
  json: z.boolean().optional(),
  header: z.array(z.string().regex(/^\w+:/, 'must be name:value')).default([]),
});

const parse = (line: string) => parseOptions(line.split(' '), schema);

function problemsOf(line: string): string[] {
  try {
    parse(line);
    return [];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message.split('\n');
  }
}

describe('command-line options', () => {
  it('parses every kind of option', () => {
    const line =
      '--url=http://a --rate 7 --ratio .5 --sizes 1,2,9 --ramp-up 2m --mode slow --json --header a:1 --header b:2';
    expect(parse(line)?.values).to.deep.equal({
      url: 'http://a',
      rate: 7,
      ratio: 0.5,
      sizes: [1, 2, 9],
      'ramp-up': 120,
      mode: 'slow',
      json: true,
      header: ['a:1', 'b:2'],
    });
  });

  it('fills in defaults', () => {
    expect(parse('--url=x')?.values).to.deep.equal({ url: 'x', rate: 100, mode: 'fast', header: [] });
  });

  it('parses times in seconds, minutes, hours and days', () => {
    for (const [text, value] of Object.entries({ 30: 30, '90s': 90, '1.5m': 90, '2h': 7_200, '1d': 86_400 })) {
      expect(parse(`--url=x --ramp-up ${text}`)?.values['ramp-up'], text).to.equal(value);
    }
  });

  it('reports all problems at once, each with its option and the valid values', () => {
    const line = '--rate 0 --ratio two --sizes 1,,3 --ramp-up 5w --mode odd --header none';
    expect(problemsOf(line)).to.deep.equal([
      '--url is required.',
      '--rate must be a whole number from 1 to 1000, not "0".',
      '--ratio must be a number from 0 to 1, not "two".',
      '--sizes must be whole numbers from 1 to 9, separated by commas, not "1,,3".',
      '--ramp-up must be a time such as 30, 90s, 10m, 1h or 1d, at least 1 s, not "5w".',
      '--mode Invalid option: expected one of "fast"|"slow", not "odd".',
      '--header must be name:value, not "none".',
      '--help lists all options.',
    ]);
  });

  it('rejects numbers that JavaScript would accept but a person would not write', () => {
    for (const text of ['1e3', '0x10', '1.5', 'Infinity', '']) {
      expect(problemsOf(`--url=x --rate=${text}`)[0], text).to.match(/^--rate must be a whole number/);
    }
  });

  it('rejects an unknown option and, unless they are allowed, arguments without an option', () => {
    expect(problemsOf('--url=x --rat 5')).to.deep.equal(["Unknown option '--rat'. --help lists all options."]);
    expect(problemsOf('--url=x stray')[0]).to.match(/^Unexpected argument 'stray'/);
    expect(parseOptions(['a', '--url=x', 'b'], schema, { positionals: true })?.positionals).to.deep.equal(['a', 'b']);
  });

  it('names no option for a check of several options together', () => {
    const together = schema.refine(({ json, mode }) => !json || mode === 'fast', 'with --json, --mode must be fast');
    expect(() => parseOptions('--url=x --json --mode=slow'.split(' '), together)).to.throw(
      UserError,
      /^with --json, --mode must be fast\.\n/,
    );
  });

  it('returns undefined for --help and -h, whatever else is missing', () => {
    expect(parse('--help')).to.equal(undefined);
    expect(parse('-h')).to.equal(undefined);
  });

  it('writes a key in camelCase with hyphens, and describes it', () => {
    const described = z.object({
      maxRate: wholeNumber(1).default(7).describe('messages per second'),
      outFile: textOption('FILE', 'the report'),
      isQuiet: flagOption('prints nothing'),
    });
    expect(parseOptions(['--max-rate', '3', '--is-quiet'], described)?.values).to.deep.equal({
      maxRate: 3,
      isQuiet: true,
    });
    expect(() => parseOptions(['--max-rate=0'], described)).to.throw('--max-rate must be a whole number');
    expect(describeOptions(described).split('\n')).to.deep.equal([
      '  --max-rate N     messages per second (7)',
      '  --out-file FILE  the report',
      '  --is-quiet       prints nothing',
    ]);
  });
});
