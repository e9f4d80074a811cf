// A heat map: {"kind": "heat", "x": [...], "y": [...], "x_title", "y_title", "cells": [[x, y, value, words], ...]},
// x and y being places in the two lists. Each cell shows its value, and its words where there is room for them.
import { HeatmapChart } from "echarts/charts";
import { VisualMapComponent } from "echarts/components";
import { use } from "echarts/core";

use([HeatmapChart, VisualMapComponent]);

// A share of one colour on another; both as chart.js gives them: rgb(r,g,b).
function mixed(above, below, share) {
  const parts = (colour) => colour.match(/\d+/g).map(Number);
  const [over, under] = [parts(above), parts(below)];
  return `rgb(${over.map((value, i) => Math.round(value * share + under[i] * (1 - share))).join(",")})`;
}

export function heat(host, data, colour, write) {
  const text = colour(host, "body-color");
  const muted = colour(host, "secondary");
  const surface = colour(host, "bg-surface");
  const tone = colour(host, data.series[0].tone ?? "primary");
  const most = Math.max(1, ...data.cells.map((cell) => cell[2]));
  const axis = (labels, name) => ({
    type: "category",
    data: labels,
    name,
    nameLocation: "middle",
    nameGap: 28,
    nameTextStyle: { color: muted },
    axisTick: { show: false },
    axisLine: { show: false },
    axisLabel: { color: muted },
  });
  return {
    animation: false,
    textStyle: { fontFamily: "Inter Variable, sans-serif", color: muted },
    aria: { enabled: false },
    grid: { left: 48, right: 8, top: 8, bottom: 44 },
    xAxis: axis(data.x, data.x_title),
    yAxis: axis(data.y, data.y_title),
    tooltip: {
      renderMode: "richText",
      formatter: ({ data: cell }) => `${cell[3]}\n${write(cell[2])}`,
      backgroundColor: surface,
      borderColor: colour(host, "border-color"),
      textStyle: { color: text },
    },
    // Light enough at its darkest that the words stay legible on it, in both themes.
    visualMap: {
      show: false,
      min: 0,
      max: most,
      dimension: 2,
      inRange: { color: [0.04, 0.45].map((share) => mixed(tone, surface, share)) },
    },
    series: {
      type: "heatmap",
      data: data.cells,
      itemStyle: { borderColor: surface, borderWidth: 3, borderRadius: 6 },
      label: {
        show: true,
        color: text,
        overflow: "truncate",
        width: Math.max(40, (host.clientWidth - 70) / data.x.length - 8),
        lineHeight: 16,
        formatter: ({ data: cell }) => (host.clientWidth < 560 ? write(cell[2]) : `{words|${cell[3]}}\n${write(cell[2])}`),
        rich: { words: { color: text, fontSize: 11, lineHeight: 16 } },
        fontSize: 12,
      },
      emphasis: { itemStyle: { borderColor: text, borderWidth: 1 } },
    },
  };
}
