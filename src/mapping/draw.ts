/** A layout as a picture (SVG): cores on their tiles, coloured by population, and links by what they carry. */

import { byCore, type Layout } from "./layout.ts";
import type { StepLoad } from "./load.ts";
import { port } from "./routes.ts";

/** Side of a core and space between tiles, in pixels; smaller where there are many. */
interface Scale {
  readonly core: number;
  readonly gap: number;
  readonly perRow: number;
  readonly tile: number;
  readonly step: number;
}

const margin = 24;
const headHeight = 44;
const legendWidth = 260;

/** Draws all tiles of the chip; a core is filled as far as its neurons are used. The load tells links and the caption. */
export function drawLayout(layout: Layout, load: StepLoad, title: string): string {
  const { ground } = layout;
  const { fabric } = ground.chip;
  const cores = ground.kinds.length;
  const perTile = fabric.kind === "mesh" ? fabric.coresPerTile : 1;
  const tiles = fabric.kind === "mesh" ? fabric.width * fabric.height : cores;
  const across = fabric.kind === "mesh" ? fabric.width : cores;
  const down = Math.ceil(tiles / across);
  const scale = scaleFor(perTile, across, down);
  const width = 2 * margin + across * scale.step + legendWidth;
  const legend = legendOf(layout, load);
  const height = 2 * margin + headHeight + Math.max(down * scale.step, legend.length * 18 + 10);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="${margin}" y="${margin}" font-size="16" fill="#222">${escaped(title)}</text>`,
    `<text x="${margin}" y="${margin + 20}" fill="#555">${escaped(captionOf(load))}</text>`,
    `<g transform="translate(${margin} ${margin + headHeight})">`,
    ...tilesOf(tiles, across, scale),
    ...(fabric.kind === "mesh" ? linksOf(load, fabric.width, scale) : []),
    ...coresOf(layout, across, perTile, scale),
    "</g>",
    `<g transform="translate(${width - legendWidth} ${margin + headHeight})">`,
    ...legend.map(({ colour, text }, row) => legendRow(colour, text, row)),
    "</g>",
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

function scaleFor(perTile: number, across: number, down: number): Scale {
  const perRow = Math.ceil(Math.sqrt(perTile));
  const core = Math.max(4, Math.min(36, Math.floor(900 / (Math.max(across, down) * perRow * 1.6))));
  const tile = perRow * core + (perRow + 1) * 2;
  const gap = Math.max(3, Math.round(tile / 2));
  return { core, gap, perRow, tile, step: tile + gap };
}

function tilesOf(tiles: number, across: number, { tile, step }: Scale): string[] {
  return Array.from({ length: tiles }, (_, k) => {
    const [x, y] = [(k % across) * step, Math.floor(k / across) * step];
    return `<rect x="${x}" y="${y}" width="${tile}" height="${tile}" fill="#f3f3f0" stroke="#d0d0cc"/>`;
  });
}

/** Two lines between neighbours, one each way; the busiest is as wide as its place allows. */
function linksOf(load: StepLoad, across: number, { tile, gap, step }: Scale): string[] {
  const busiest = Math.max(...load.linkMessages, 0);
  if (busiest === 0) return [];
  const offset = Math.max(2, tile / 6);
  return load.links.flatMap((link, place) => {
    const messages = load.linkMessages[place]!;
    if (messages === 0) return [];
    const at = link >> 2;
    const [x, y] = [(at % across) * step + tile / 2, Math.floor(at / across) * step + tile / 2];
    const ways = [
      [tile / 2, -offset, tile / 2 + gap, -offset],
      [-tile / 2, offset, -tile / 2 - gap, offset],
      [offset, tile / 2, offset, tile / 2 + gap],
      [-offset, -tile / 2, -offset, -tile / 2 - gap],
    ];
    const [x1, y1, x2, y2] = ways[link & 3]! as [number, number, number, number];
    const share = messages / busiest;
    const wide = (0.5 + share * Math.min(5, offset)).toFixed(2);
    return [
      `<line x1="${x + x1}" y1="${y + y1}" x2="${x + x2}" y2="${y + y2}" stroke="#b03020" stroke-opacity="${(0.3 + 0.7 * share).toFixed(2)}" stroke-width="${wide}"><title>${round(messages)} messages a step</title></line>`,
    ];
  });
}

function coresOf(layout: Layout, across: number, perTile: number, { core, perRow, step }: Scale): string[] {
  const { ground } = layout;
  const contents = byCore(layout.slices);
  return ground.kinds.flatMap((kind, number) => {
    const tile = Math.floor(number / perTile);
    const within = number % perTile;
    const x = (tile % across) * step + 2 + (within % perRow) * (core + 2);
    const y = Math.floor(tile / across) * step + 2 + Math.floor(within / perRow) * (core + 2);
    const spans = contents.get(number) ?? [];
    const texts = spans.map(
      ({ population, first, end }) => `${ground.nameOf(population)}: neurons ${first} to ${end - 1}`,
    );
    let top = y + core;
    const fills = spans.map(({ population, first, end }) => {
      // Few neurons still show.
      const high = Math.max(2, (core * (end - first)) / kind.neurons.value);
      top = Math.max(y, top - high);
      return `<rect x="${x}" y="${top.toFixed(2)}" width="${core}" height="${Math.min(high, core).toFixed(2)}" fill="${colourOf(ground.placed.indexOf(population))}"/>`;
    });
    return [
      `<g><title>${escaped([`core ${number}`, ...texts].join("; "))}</title>`,
      `<rect x="${x}" y="${y}" width="${core}" height="${core}" fill="#ffffff"/>`,
      ...fills,
      `<rect x="${x}" y="${y}" width="${core}" height="${core}" fill="none" stroke="${spans.length > 0 ? "#333333" : "#c4c4c0"}"/></g>`,
    ];
  });
}

function legendOf({ ground, slices }: Layout, load: StepLoad): { colour: string; text: string }[] {
  const rows = ground.placed.map((p, k) => {
    const own = slices.filter(({ population }) => population === p);
    const used = new Set(own.map(({ core }) => core)).size;
    const { size } = ground.network.populations[p]!;
    return {
      colour: colourOf(k),
      text: `${ground.nameOf(p)}: ${size} neurons on ${used} ${used === 1 ? "core" : "cores"}`,
    };
  });
  const fromPort = load.routes.some(({ from }) => from === port);
  return fromPort
    ? [...rows, { colour: "#b03020", text: "spikes on a link; input at the first tile" }]
    : rows;
}

function legendRow(colour: string, text: string, row: number): string {
  const y = row * 18;
  return `<rect x="0" y="${y}" width="12" height="12" fill="${colour}"/><text x="20" y="${y + 11}" fill="#222">${escaped(text)}</text>`;
}

function captionOf(load: StepLoad): string {
  const messages = load.messages.reduce((sum, count) => sum + count, 0);
  return `a step by the model: ${round(load.latencyNs)} ns, ${round(messages)} messages over ${round(load.hopsX + load.hopsY)} hops, ${load.cores.length} cores in use`;
}

/** Hues a golden angle apart: neighbours in the list are easy to tell from each other. */
function colourOf(index: number): string {
  return `hsl(${Math.round((index * 137.5 + 200) % 360)} 60% 55%)`;
}

function round(value: number): string {
  return Number(value.toPrecision(4)).toLocaleString("en");
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
