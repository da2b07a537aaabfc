// What `bitloom bench` measured, as a file and as a picture.
#pragma once

#include <string>
#include <vector>

#include "kernels/gemm/problem.h"
#include "kernels/measure/graph_timer.h"

namespace bitloom::cli {

struct BenchRow {
  kernels::GemmProblem problem;
  std::string kernel;
  kernels::Timing time;
  double cublas_us = 0;   // 0: no baseline
  double floor_us = 0;    // reading as many bytes as the operator must
  double rel_err = 0;     // against float64, Frobenius
  double cublas_err = 0;  // of the baseline: exact dequantisation, f16 product
  std::string inputs = "gaussian";
};

struct BenchReport {
  std::string device, command;
  std::vector<BenchRow> rows;
};

// {"device", "date", "commit", "command", "rows": [{"op", "type", "group", "act", "m", "n", "k",
// "us", "p10_us", "p90_us", "cublas_us", "floor_us", "rel_err", "cublas_err", "inputs",
// "kernel"}]}; cublas_us and cublas_err are null without a baseline.
runtime::Result<void> write_json(const BenchReport& report, const std::string& path);
// A roofline: operations a byte against operations a second, every row a point with its name; the
// line of the memory is the raw read's.
runtime::Result<void> write_svg(const BenchReport& report, const std::string& path);

}  // namespace bitloom::cli
