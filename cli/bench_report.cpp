#include "cli/bench_report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "kernels/kernels_folder.h"
#include "runtime/host/file.h"

namespace bitloom::cli {
namespace {

using runtime::Result;

double rounded(double x, double step) {
  return std::round(x / step) * step;
}

// Beside the kernels of a bundle stands the commit that it was made from; in a checkout git knows.
std::string commit() {
  const std::string root = kernels::kernels_folder() + "/..";
  std::ifstream file(root + "/COMMIT");
  std::string line;
  if (file && std::getline(file, line) && !line.empty()) return line;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
      popen(("git -C '" + root + "' describe --always --abbrev=40 --dirty 2>/dev/null").c_str(),
            "r"),
      &pclose);
  char text[128] = {};
  if (!pipe || !std::fgets(text, sizeof text, pipe.get())) return "unknown";
  line = text;
  return line.substr(0, line.find('\n'));
}

Result<void> write_text(const std::string& path, const std::string& text) {
  const std::span<const std::byte> pieces[] = {runtime::bytes_of(text)};
  return runtime::write_file(path, pieces);
}

}  // namespace

Result<void> write_json(const BenchReport& report, const std::string& path) {
  using Json = nlohmann::ordered_json;
  const std::time_t now = std::time(nullptr);
  std::string text = fmt::format(
      "{{\n  \"device\": {},\n  \"date\": \"{:%Y-%m-%d}\",\n  \"commit\": {},\n  \"command\": "
      "{},\n  \"rows\": [",
      Json(report.device).dump(), fmt::gmtime(now), Json(commit()).dump(),
      Json(report.command).dump());
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    const BenchRow& row = report.rows[i];
    const kernels::GemmProblem& p = row.problem;
    Json json = {{"op", "gemm"},
                 {"type", vm::to_string(p.weight)},
                 {"group", p.group},
                 {"act", activation_text(p)},
                 {"scale", vm::to_string(p.scale)},
                 {"zero", p.zero ? Json(vm::to_string(*p.zero)) : Json()},
                 {"m", p.m},
                 {"n", p.n},
                 {"k", p.k},
                 {"us", rounded(row.time.median, 0.01)},
                 {"p10_us", rounded(row.time.p10, 0.01)},
                 {"p90_us", rounded(row.time.p90, 0.01)},
                 {"cublas_us", row.cublas_us > 0 ? Json(rounded(row.cublas_us, 0.01)) : Json()},
                 {"floor_us", rounded(row.floor_us, 0.01)},
                 {"rel_err", rounded(row.rel_err, 1e-7)},
                 {"cublas_err", row.cublas_us > 0 ? Json(rounded(row.cublas_err, 1e-7)) : Json()},
                 {"inputs", row.inputs},
                 {"kernel", row.kernel}};
    text += (i ? ",\n    " : "\n    ") + json.dump();
  }
  return write_text(path, text + "\n  ]\n}\n");
}

Result<void> write_svg(const BenchReport& report, const std::string& path) {
  constexpr double kWidth = 1100, kHeight = 700, kLeft = 80, kTop = 40, kRight = 30, kBottom = 60;
  struct Point {
    double intensity, speed;  // operations a byte, TFLOP/s
    std::string name;
  };
  std::vector<Point> points;
  double bandwidth = 0;  // bytes a second
  for (const BenchRow& row : report.rows) {
    const kernels::GemmProblem& p = row.problem;
    const double operations =
        2.0 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
    const auto bytes = static_cast<double>(operator_bytes(p));
    points.push_back({operations / bytes, operations / row.time.median * 1e-6,
                      fmt::format("{} {}x{} m={}", vm::to_string(p.weight), p.n, p.k, p.m)});
    bandwidth = std::max(bandwidth, bytes / row.floor_us * 1e6);
  }
  if (points.empty()) return write_text(path, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>\n");
  const auto [x_low, x_high] =
      std::minmax_element(points.begin(), points.end(),
                          [](const Point& a, const Point& b) { return a.intensity < b.intensity; });
  const auto [y_low, y_high] =
      std::minmax_element(points.begin(), points.end(),
                          [](const Point& a, const Point& b) { return a.speed < b.speed; });
  const double x0 = std::floor(std::log2(x_low->intensity)),
               x1 = std::ceil(std::log2(x_high->intensity) + 0.5);
  const double y0 = std::floor(std::log2(y_low->speed)),
               y1 = std::ceil(std::log2(y_high->speed) + 0.5);
  const auto x_of = [&](double v) {
    return kLeft + (std::log2(v) - x0) / (x1 - x0) * (kWidth - kLeft - kRight);
  };
  const auto y_of = [&](double v) {
    return kHeight - kBottom - (std::log2(v) - y0) / (y1 - y0) * (kHeight - kTop - kBottom);
  };
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" font-family=\"sans-serif\" font-size=\"11\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n<text x=\"{2}\" y=\"24\" "
      "font-size=\"15\">{3}: products with low-bit weights</text>\n",
      kWidth, kHeight, kLeft, report.device);
  for (double e = x0; e <= x1; ++e)
    svg += fmt::format(
        "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/><text "
        "x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4:g}</text>\n",
        x_of(std::exp2(e)), kTop, kHeight - kBottom, kHeight - kBottom + 16, std::exp2(e));
  for (double e = y0; e <= y1; ++e)
    svg += fmt::format(
        "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{2:.1f}\" y2=\"{1:.1f}\" stroke=\"#ddd\"/><text "
        "x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:g}</text>\n",
        kLeft, y_of(std::exp2(e)), kWidth - kRight, kLeft - 6, y_of(std::exp2(e)) + 4,
        std::exp2(e));
  const double end = std::min(std::exp2(x1), std::exp2(y1) * 1e12 / bandwidth);
  svg += fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#c33\" "
      "stroke-width=\"1.5\"/>\n",
      x_of(std::exp2(x0)), std::min(y_of(std::exp2(x0) * bandwidth * 1e-12), kHeight - kBottom),
      x_of(end), y_of(end * bandwidth * 1e-12));
  svg += fmt::format(
      "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">operations a byte; the red line is the raw "
      "read, {:.2f} TB/s</text>\n",
      kWidth / 2, kHeight - 16, bandwidth * 1e-12);
  svg += fmt::format(
      "<text transform=\"translate(20,{}) rotate(-90)\" text-anchor=\"middle\">TFLOP/s</text>\n",
      kHeight / 2);
  for (const Point& point : points)
    svg += fmt::format(
        "<circle cx=\"{0:.1f}\" cy=\"{1:.1f}\" r=\"3\" "
        "fill=\"#236\"><title>{2}</title></circle><text x=\"{3:.1f}\" y=\"{4:.1f}\" "
        "font-size=\"8\">{2}</text>\n",
        x_of(point.intensity), y_of(point.speed), point.name, x_of(point.intensity) + 5,
        y_of(point.speed) + 3);
  return write_text(path, svg + "</svg>\n");
}

}  // namespace bitloom::cli
