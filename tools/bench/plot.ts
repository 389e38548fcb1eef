/** A picture of a report: how near each case comes to its floor. */
import { type BenchReport, caseName } from './report.ts';

const WIDTH = 860;
const LABEL_WIDTH = 260;
const BAR_WIDTH = 420;
const ROW_HEIGHT = 24;
const TOP = 64;

const escapeXml = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escapeXml(content)}</text>`;
}

export function renderSvg(report: BenchReport): string {
  const rows = report.offline.map((row, index) => {
    const y = TOP + index * ROW_HEIGHT;
    const width = Math.min(1, row.fractionOfFloor) * BAR_WIDTH;
    const figures = `${row.tokensPerSecond.toFixed(1)} tok/s (${(100 * row.fractionOfFloor).toFixed(0)} %)`;
    return [
      text(
        LABEL_WIDTH - 8,
        y + 15,
        `${row.shape} ${row.dtype} ${caseName(row.case)}`,
        'text-anchor="end"',
      ),
      `<rect x="${LABEL_WIDTH}" y="${y + 3}" width="${BAR_WIDTH}" height="16" fill="#e8e8ee"/>`,
      `<rect x="${LABEL_WIDTH}" y="${y + 3}" width="${width.toFixed(1)}" height="16" fill="#4263eb"/>`,
      text(LABEL_WIDTH + BAR_WIDTH + 8, y + 15, figures),
    ].join('\n');
  });
  const height = TOP + rows.length * ROW_HEIGHT + 16;
  const roofs = `${report.machine}, ${report.isa}, ${report.peaks.threads} threads, ${report.peaks.readGbs} GB/s`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    text(16, 24, 'Etap: share of the roofline floor reached', 'font-size="16" font-weight="bold"'),
    text(16, 44, roofs, 'fill="#555"'),
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}
