// The static report of a kernel: what can be said of its speed without running it, and without a
// GPU.
//
//   ReportOptions options{.target = target, .sizes = {{"m", 16}}};
//   std::optional<Report> report = make_report(lowered, options, diagnostics);
//   if (cubin) add_resources(*report, *cubin->find(report->kernel));
//   fmt::print("{}", report_text(*report));            // or report_json(*report)
//
// Memory accesses come from the printer itself (codegen/memory_access.h), so they are those of the
// generated text: their width, how well they are coalesced, which bank conflicts they have, by
// source line. Bytes and operations are counted over the instructions, each as often as its loops
// run; sizes that nobody stated count as 4096, and a loop whose length only the run knows counts
// once and is marked. Both branches of an `if` count.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codegen/cubin.h"
#include "codegen/cuda.h"
#include "codegen/gpu.h"

namespace bitloom::codegen {

struct Work {
  double global_read_bytes = 0, global_write_bytes = 0;  // that blocks ask for, caches or not
  double tensor_f16 = 0, tensor_i8 = 0;                  // operations of matrix units
  double arithmetic = 0;                                 // operations of ordinary units

  double operations() const { return tensor_f16 + tensor_i8 + arithmetic; }
  Work& operator+=(const Work& other);
  Work operator*(double times) const;
};

struct LoopReport {
  vm::Span span;
  int depth = 0;
  std::optional<std::int64_t> turns;  // nothing: only the run knows
  Work turn;                          // of one turn, inner loops included
};

struct Prediction {
  std::string gpu;
  double memory_us = 0;   // the tensors once through memory, at the rate of the data sheet
  double compute_us = 0;  // all operations at the rates of the data sheet
  double us = 0;          // the larger
  std::string bound;      // "memory", "compute"
};

struct Report {
  std::string kernel, target;
  std::vector<std::pair<std::string, std::string>> specialization;
  std::vector<std::pair<std::string, std::int64_t>> sizes;  // as stated, or assumed
  int threads = 0;
  double blocks = 0;              // of the grid
  std::int64_t shared_bytes = 0;  // dynamic, and static once resources are known

  bool compiled = false;  // what follows is of the image
  int registers = 0;
  std::int64_t local_bytes = 0, spill_store_bytes = 0, spill_load_bytes = 0;
  int barriers = 0;
  std::int64_t instructions = 0;
  Occupancy occupancy;

  std::vector<MemoryAccess> accesses;  // one a place of the text, in its order
  std::vector<LoopReport> loops;
  Work block;               // of one block
  double tensor_bytes = 0;  // of all tensors, once
  Prediction prediction;
};

struct ReportOptions {
  vm::Target target = {};
  std::map<std::string, std::int64_t> sizes = {};
  const Gpu* gpu = nullptr;  // the usual one of the target when null
};

std::optional<Report> make_report(const vm::Function& lowered, const ReportOptions& options,
                                  vm::Diagnostics& diagnostics);
void add_resources(Report& report, const KernelResources& resources);

std::string report_text(const Report& report);
std::string report_json(const Report& report);  // one object on one line

// "load", "copy to shared", …
std::string_view to_string(MemoryAccess::Kind kind);

}  // namespace bitloom::codegen
