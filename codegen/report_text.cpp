// The report as a text for people and as JSON for programs.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "codegen/report.h"

namespace bitloom::codegen {

std::string_view to_string(MemoryAccess::Kind kind) {
  switch (kind) {
    case MemoryAccess::Kind::Load:
      return "load";
    case MemoryAccess::Kind::Store:
      return "store";
    case MemoryAccess::Kind::CopyRead:
    case MemoryAccess::Kind::CopyWrite:
      return "copy";
    case MemoryAccess::Kind::Matrix:
      return "matrix";
    case MemoryAccess::Kind::Atomic:
      return "atomic";
  }
  return "";
}

namespace {

std::string quantity(double value, std::string_view unit) {
  for (const auto& [scale, letter] : {std::pair{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}}) {
    if (value >= scale) return fmt::format("{:.3g} {}{}", value / scale, letter, unit);
  }
  return fmt::format("{:.3g} {}", value, unit);
}

std::string place(const MemoryAccess& access) {
  return fmt::format("{}:{}", access.span.line, access.span.column);
}

std::string verdict(const MemoryAccess& access) {
  std::string text;
  if (access.global) {
    text = fmt::format("{:3.0f}% coalesced", 100 * access.efficiency());
  } else if (access.conflicts() == 0) {
    text = "no bank conflicts";
  } else {
    text = fmt::format("{:.3g} wavefronts where 1 would do",
                       static_cast<double>(access.units) / static_cast<double>(access.least_units));
  }
  if (access.indexed) text += " at best: addresses come from memory";
  return text;
}

std::string access_text(const MemoryAccess& access) {
  std::string text = fmt::format("  {:>8}  {:<6} {:<6} {:2} bytes  {}", place(access),
                                 access.global ? "global" : "shared", to_string(access.kind),
                                 access.bytes, verdict(access));
  if (access.scratch) text += fmt::format(" (exchange of {})", vm::info(access.opcode).mnemonic);
  return text;
}

std::string work_text(const Work& work) {
  std::string text = fmt::format("reads {}, writes {}", quantity(work.global_read_bytes, "B"),
                                 quantity(work.global_write_bytes, "B"));
  if (work.tensor_f16 > 0) text += ", " + quantity(work.tensor_f16, "FLOP on matrix units");
  if (work.tensor_i8 > 0) text += ", " + quantity(work.tensor_i8, "OP on 8-bit matrix units");
  if (work.arithmetic > 0) text += ", " + quantity(work.arithmetic, "OP on ordinary units");
  return text;
}

nlohmann::ordered_json work_json(const Work& work) {
  return {{"global_read_bytes", work.global_read_bytes},
          {"global_write_bytes", work.global_write_bytes},
          {"tensor_f16_flops", work.tensor_f16},
          {"tensor_i8_ops", work.tensor_i8},
          {"arithmetic_ops", work.arithmetic},
          {"flops", work.operations()}};
}

nlohmann::ordered_json access_json(const MemoryAccess& access) {
  nlohmann::ordered_json json = {{"line", access.span.line},
                                 {"column", access.span.column},
                                 {"space", access.global ? "global" : "shared"},
                                 {"kind", to_string(access.kind)},
                                 {"instruction", vm::info(access.opcode).mnemonic},
                                 {"width_bytes", access.bytes},
                                 {"warp_instructions", access.instructions}};
  if (access.global) {
    json["sectors"] = access.units;
    json["least_sectors"] = access.least_units;
    json["coalescing"] = access.efficiency();
  } else {
    json["wavefronts"] = access.units;
    json["least_wavefronts"] = access.least_units;
    json["bank_conflicts"] = access.conflicts();
  }
  json["indexed"] = access.indexed;
  json["scratch"] = access.scratch;
  return json;
}

}  // namespace

std::string report_text(const Report& report) {
  std::string text = report.kernel;
  for (const auto& [name, value] : report.specialization)
    text += fmt::format(" {}={}", name, value);
  text += fmt::format(" for {}\n", report.target);
  if (report.compiled) {
    text += fmt::format(
        "  {} registers a thread, {} bytes of local memory, {} bytes of spill stores and {} of "
        "spill loads\n",
        report.registers, report.local_bytes, report.spill_store_bytes, report.spill_load_bytes);
  }
  text += fmt::format("  {} threads and {} bytes of shared memory a block", report.threads,
                      report.shared_bytes);
  if (report.compiled) {
    text += fmt::format("; {} blocks a multiprocessor ({:.0f}% of its threads), limited by {}",
                        report.occupancy.blocks, 100 * report.occupancy.fraction,
                        report.occupancy.limit);
  }
  text += "\n  for";
  for (const auto& [name, size] : report.sizes) text += fmt::format(" {} = {}", name, size);
  text += fmt::format("{} {:.0f} blocks\n", report.sizes.empty() ? "" : ":", report.blocks);

  // A pipeline prints the copies of an iteration several times.
  std::vector<std::pair<std::string, int>> lines;
  for (const MemoryAccess& access : report.accesses) {
    const std::string line = access_text(access);
    const auto known = std::ranges::find(lines, line, &std::pair<std::string, int>::first);
    if (known == lines.end())
      lines.emplace_back(line, 1);
    else
      ++known->second;
  }
  text += "memory accesses\n";
  for (const auto& [line, times] : lines)
    text += times == 1 ? line + "\n" : fmt::format("{}, {} times in the text\n", line, times);
  if (!report.loops.empty()) text += "loops\n";
  for (const LoopReport& loop : report.loops) {
    text += fmt::format("  {:>8}  {:{}}{} turns; each {}\n",
                        fmt::format("{}:{}", loop.span.line, loop.span.column), "", 2 * loop.depth,
                        loop.turns ? fmt::format("{}", *loop.turns) : "unknown (counted once)",
                        work_text(loop.turn));
  }
  text += fmt::format("a block  {}\n", work_text(report.block));
  text += fmt::format(
      "on {}   {:.3g} us at least, bound by {} (memory {:.3g} us for {}, compute {:.3g} us)\n",
      report.prediction.gpu, report.prediction.us, report.prediction.bound,
      report.prediction.memory_us, quantity(report.tensor_bytes, "B"),
      report.prediction.compute_us);
  return text;
}

std::string report_json(const Report& report) {
  nlohmann::ordered_json json;
  json["kernel"] = report.kernel;
  json["target"] = report.target;
  nlohmann::ordered_json set = nlohmann::ordered_json::object(), sizes = set;
  for (const auto& [name, value] : report.specialization) set[name] = value;
  for (const auto& [name, size] : report.sizes) sizes[name] = size;
  json["specialization"] = set;
  json["sizes"] = sizes;
  json["threads"] = report.threads;
  json["blocks"] = report.blocks;
  json["shared_bytes"] = report.shared_bytes;
  if (report.compiled) {
    json["registers"] = report.registers;
    json["local_bytes"] = report.local_bytes;
    json["spill_store_bytes"] = report.spill_store_bytes;
    json["spill_load_bytes"] = report.spill_load_bytes;
    json["barriers"] = report.barriers;
    json["instructions"] = report.instructions;
    json["occupancy"] = report.occupancy.fraction;
    json["blocks_per_multiprocessor"] = report.occupancy.blocks;
    json["occupancy_limit"] = report.occupancy.limit;
  }
  json["accesses"] = nlohmann::ordered_json::array();
  for (const MemoryAccess& access : report.accesses)
    json["accesses"].push_back(access_json(access));
  json["loops"] = nlohmann::ordered_json::array();
  for (const LoopReport& loop : report.loops) {
    json["loops"].push_back({{"line", loop.span.line},
                             {"column", loop.span.column},
                             {"depth", loop.depth},
                             {"turns", loop.turns ? nlohmann::ordered_json(*loop.turns)
                                                  : nlohmann::ordered_json(nullptr)},
                             {"turn", work_json(loop.turn)}});
  }
  json["block"] = work_json(report.block);
  json["tensor_bytes"] = report.tensor_bytes;
  json["roofline"] = {{"gpu", report.prediction.gpu},
                      {"memory_us", report.prediction.memory_us},
                      {"compute_us", report.prediction.compute_us},
                      {"us", report.prediction.us},
                      {"bound", report.prediction.bound}};
  return json.dump();
}

}  // namespace bitloom::codegen
