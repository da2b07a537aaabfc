#include "vm/interpreter/deadlock.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace bitloom::vm::interpreter {
namespace {

constexpr int kMostNotes = 12;

const Step& step_of(const Strand& strand) {
  return strand.body->steps[strand.pc];
}

std::string mnemonic(const Step& step) {
  return step.instruction ? std::string(info(step.instruction->opcode).mnemonic) : "end";
}

Span span_of(const Step& step) {
  return step.instruction ? step.instruction->span : Span{};
}

// Where a strand is and what it waits for, in words.
std::string place(const Strand& strand) {
  const Step& step = step_of(strand);
  if (strand.state == Strand::State::Forked)
    return fmt::format("{} wait for the strands that they were split into", strand.describe());
  if (strand.spinning()) {
    return fmt::format("{} find {} again and again with this {}", strand.describe(),
                       static_cast<std::int64_t>(strand.spinning_on->value),
                       mnemonic(*strand.spinning_on->step));
  }
  if (strand.waits_for.empty())
    return fmt::format("{} are at this {}", strand.describe(), mnemonic(step));
  return fmt::format("{} wait for {}", strand.describe(), strand.waits_for);
}

Span place_span(const Strand& strand) {
  if (strand.spinning()) return span_of(*strand.spinning_on->step);
  return span_of(step_of(strand));
}

const Strand* first_waiting(const Cluster& cluster) {
  for (const auto& strand : cluster.strands) {
    if (strand->state != Strand::State::Forked) return strand.get();
  }
  return nullptr;
}

void note_strands(Diagnostic& diagnostic, const Cluster& cluster, int& left) {
  for (const auto& strand : cluster.strands) {
    if (strand->state == Strand::State::Forked || left-- <= 0) continue;
    diagnostic.note(place_span(*strand), place(*strand));
  }
}

// A phase whose arrivals have all come and whose bytes never will: announced were others than
// copied.
bool report_wrong_bytes(Cluster& cluster) {
  bool found = false;
  for (const Block& block : cluster.blocks) {
    for (const Mbarrier& barrier : block.barriers) {
      if (barrier.bytes == 0 || barrier.pending > 0 || !barrier.expected_at) continue;
      Diagnostic diagnostic{Severity::Error, "BL0519", span_of(*barrier.expected_at), {}, {}, {}};
      diagnostic << "an mbarrier of " << block.describe() << " waits for ever: ";
      if (barrier.bytes > 0) {
        diagnostic << barrier.bytes << " of the bytes announced here are never copied";
      } else {
        diagnostic << -barrier.bytes << " bytes more were copied than are announced here";
      }
      int left = kMostNotes;
      note_strands(diagnostic, cluster, left);
      diagnostic.hint("announce the bytes of all copies that the phase counts");
      cluster.grid.faults.add(block.linear, barrier.expected_at->number, 0, std::move(diagnostic));
      found = true;
    }
  }
  return found;
}

// By their number, in whatever order host threads gave them back.
std::vector<const Cluster*> in_order(const std::deque<std::unique_ptr<Cluster>>& clusters) {
  std::vector<const Cluster*> result;
  result.reserve(clusters.size());
  for (const auto& cluster : clusters) result.push_back(cluster.get());
  std::ranges::sort(result, {}, &Cluster::number);
  return result;
}

}  // namespace

void report_stuck(Cluster& cluster) {
  const Strand* first = first_waiting(cluster);
  if (!first || report_wrong_bytes(cluster)) return;
  Diagnostic diagnostic{Severity::Error, "BL0512", place_span(*first), {}, {}, {}};
  diagnostic << "deadlock in " << first->block->describe() << ": " << place(*first)
             << ", and nothing is under way that could wake them";
  int left = kMostNotes;
  note_strands(diagnostic, cluster, left);
  cluster.grid.faults.add(first->block->linear, step_of(*first).number, 0, std::move(diagnostic));
}

void report_deadlock(Grid& grid, const std::deque<std::unique_ptr<Cluster>>& parked) {
  const std::vector<const Cluster*> waiting = in_order(parked);
  const Cluster* cluster = waiting.front();
  const Strand* first = nullptr;
  for (const auto& strand : cluster->strands) {
    if (strand->spinning() && !first) first = strand.get();
  }
  if (!first) first = first_waiting(*cluster);
  Diagnostic diagnostic{Severity::Error, "BL0513", place_span(*first), {}, {}, {}};
  diagnostic << "deadlock: " << parked.size()
             << (parked.size() == 1 ? " block waits" : " blocks wait")
             << " for values in global memory that nobody writes any more";
  int left = kMostNotes;
  for (const Cluster* each : waiting) note_strands(diagnostic, *each, left);
  grid.faults.add(first->block->linear, step_of(*first).number, 0, std::move(diagnostic));
}

void report_interrupted(Grid& grid, const std::deque<std::unique_ptr<Cluster>>& clusters) {
  const bool limit = grid.limit_reached;
  const Strand* first = nullptr;
  const std::vector<const Cluster*> running = in_order(clusters);
  for (const Cluster* cluster : running) {
    if (!first) first = first_waiting(*cluster);
  }
  const Span span = first ? place_span(*first) : grid.program.function->span;
  Diagnostic diagnostic{Severity::Error, limit ? "BL0514" : "BL0515", span, {}, {}, {}};
  if (limit) {
    diagnostic << "the kernel has taken " << grid.options.step_limit
               << " steps, the limit, and has not ended";
  } else {
    diagnostic << "the run was interrupted after " << grid.steps.load() << " steps";
  }
  int left = kMostNotes;
  for (const Cluster* each : running) note_strands(diagnostic, *each, left);
  grid.faults.add(first ? first->block->linear : 0, 0, 0, std::move(diagnostic));
}

}  // namespace bitloom::vm::interpreter
