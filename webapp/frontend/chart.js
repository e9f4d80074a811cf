// Charts, drawn as SVG from the JSON inside an <echart-view>:
//   {"kind": "sankey", "links": [{"from", "to", "value"}]}, or
//   {"kind": "bar" | "line", "categories": [...], "stacked": true, "series": [{"name", "values", "tone"}]}
//   {"kind": "heat", …}: see heatmap.js
// "unit" tells what the values are: "count" (the usual), "share" (0 to 1), or "money" (minor units) with "currency"
// and "digits", how many stand behind the point.
// "min" and "max" fix the ends of the scale, which else follow the values.
// A tone is the name of one of the theme's colours: primary, blue, green, yellow, red, secondary.
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { heat } from "./heatmap.js";
import { sankey, tip } from "./sankey.js";

use([BarChart, LineChart, AriaComponent, GridComponent, LegendComponent, TooltipComponent, SVGRenderer]);

// The theme's tokens may be light-dark(…) or color-mix(…); the browser resolves them, ECharts cannot.
function colour(host, token) {
  const probe = document.createElement("span");
  probe.style.color = `var(--tblr-${token})`;
  host.append(probe);
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.fillStyle = getComputedStyle(probe).color;
  probe.remove();
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return `rgb(${red},${green},${blue})`;
}

function series(told, host, data) {
  const tone = colour(host, told.tone ?? "primary");
  const shared = { name: told.name, data: told.values, color: tone, stack: data.stacked ? "all" : undefined };
  if (data.kind === "line") {
    return { ...shared, type: "line", smooth: 0.3, showSymbol: false, areaStyle: { opacity: 0.12 } };
  }
  return { ...shared, type: "bar", barMaxWidth: 28, itemStyle: { borderRadius: data.stacked ? 0 : [3, 3, 0, 0] } };
}

// How a value is written beside an axis and in the tooltip.
function writing(data) {
  const language = document.documentElement.lang || "en";
  if (data.unit === "share") {
    const format = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
    return (value) => (value == null ? "–" : format.format(value));
  }
  if (data.unit === "money") {
    const format = new Intl.NumberFormat(language, { style: "currency", currency: data.currency, maximumFractionDigits: data.digits });
    return (value) => (value == null ? "–" : format.format(value / 10 ** data.digits));
  }
  const format = new Intl.NumberFormat(language);
  return (value) => (value == null ? "–" : format.format(value));
}

export function draw(host) {
  const data = JSON.parse(host.dataset.chart ?? host.querySelector('script[type="application/json"]').textContent);
  const text = colour(host, "body-color");
  const muted = colour(host, "secondary");
  const line = colour(host, "border-color");
  let stage = host.querySelector(":scope > div");
  if (!stage) {
    stage = document.createElement("div");
    stage.className = "echart-stage";
    host.append(stage);
  }
  host.chart ??= init(stage, null, { renderer: "svg" });
  if (data.kind === "heat") {
    host.chart.setOption(heat(host, data, colour, writing(data)), { notMerge: true });
    return;
  }
  if (data.kind === "sankey") {
    host.chart.setOption({
      animation: false,
      textStyle: { fontFamily: "Inter Variable, sans-serif", color: muted },
      tooltip: {
        renderMode: "richText",
        formatter: tip,
        backgroundColor: colour(host, "bg-surface"),
        borderColor: line,
        textStyle: { color: text },
      },
      series: [sankey(data, host, colour)],
    });
    return;
  }
  host.chart.setOption({
    animation: !window.matchMedia("(prefers-reduced-motion: reduce)").matches && !host.hasAttribute("still"),
    animationDuration: 300,
    textStyle: { fontFamily: "Inter Variable, sans-serif", color: muted },
    aria: { enabled: false },
    grid: { left: 4, right: 8, top: data.series.length > 1 ? 36 : 12, bottom: 4, containLabel: true },
    legend: data.series.length > 1 ? { left: 0, top: 0, icon: "circle", itemHeight: 9, textStyle: { color: muted } } : undefined,
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      valueFormatter: writing(data),
      backgroundColor: colour(host, "bg-surface"),
      borderColor: line,
      textStyle: { color: text },
      axisPointer: { type: data.kind === "line" ? "line" : "shadow" },
    },
    xAxis: {
      type: "category",
      data: data.categories,
      boundaryGap: data.kind !== "line",
      axisTick: { show: false },
      axisLine: { onZero: false, lineStyle: { color: line } },
      axisLabel: { color: muted, hideOverlap: true },
    },
    yAxis: {
      type: "value",
      minInterval: data.unit ? undefined : 1,
      min: data.min,
      max: data.max,
      axisLabel: { color: muted, formatter: writing(data) },
      splitLine: { lineStyle: { color: line, type: "dashed" } },
    },
    series: data.series.map((told) => series(told, host, data)),
  }, { replaceMerge: ["series"] });
}
