// A Sankey diagram of moves: on the left where they were, on the right where they went; every move is drawn, also back.
import { SankeyChart } from "echarts/charts";
import { use } from "echarts/core";

use([SankeyChart]);

const TONES = ["purple", "blue", "orange", "pink", "teal", "yellow", "green", "red"];

export function sankey(data, host, colour) {
  const names = [...new Set(data.links.flatMap((link) => [link.from, link.to]))];
  const tone = (name) => colour(host, TONES[names.indexOf(name) % TONES.length]);
  const ends = (side, key) =>
    [...new Set(data.links.map((link) => link[key]))].map((name) => ({
      name: `${side}:${name}`,
      itemStyle: { color: tone(name) },
      label: { position: side === "from" ? "right" : "left" },
    }));
  return {
    type: "sankey",
    left: 4,
    right: 4,
    top: 8,
    bottom: 8,
    nodeWidth: 18,
    nodeGap: 14,
    draggable: false,
    data: [...ends("from", "from"), ...ends("to", "to")],
    links: data.links.map((link) => ({ source: `from:${link.from}`, target: `to:${link.to}`, value: link.value })),
    lineStyle: { color: "gradient", opacity: 0.4, curveness: 0.5 },
    label: { color: colour(host, "body-color"), formatter: ({ name }) => name.slice(name.indexOf(":") + 1) },
    emphasis: { focus: "adjacency" },
  };
}

export function tip({ dataType, data, name, value }) {
  const plain = (text) => text.slice(text.indexOf(":") + 1);
  return dataType === "edge" ? `${plain(data.source)} → ${plain(data.target)}: ${value}` : `${plain(name)}: ${value}`;
}
