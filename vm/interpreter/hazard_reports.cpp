// The hazards in words: both accesses, both places.
#include <fmt/format.h>

#include "vm/interpreter/hazards.h"
#include "vm/interpreter/report.h"

namespace bitloom::vm::interpreter {
namespace {

std::string_view mnemonic(const Step& step) {
  return step.instruction ? info(step.instruction->opcode).mnemonic : "end";
}

Span span_of(const Step* step) {
  return step && step->instruction ? step->instruction->span : Span{};
}

}  // namespace

const Step* Hazards::step_at(Record record) const {
  if (record.kind() == Record::Kind::Flight) return flights_[record.id()].step;
  if (record.kind() == Record::Kind::Set) return step_at(sets_[record.id()].front());
  if (const auto found = started_by_.find(record.bits()); found != started_by_.end())
    return found->second;
  if (record.none() || record.tick() + history_.size() <= cluster_.tick) return nullptr;
  const std::uint32_t number = history_[record.tick() & (history_.size() - 1)];
  return cluster_.grid.program.steps[number];
}

std::string Hazards::who(Record record) const {
  switch (record.kind()) {
    case Record::Kind::Thread:
      return fmt::format("thread {}", record.id() % 1024);
    case Record::Kind::Agent: {
      const std::uint32_t agent = record.id() % agents_a_block_;
      if (agent < warps_) return fmt::format("warp {}", agent);
      return agent < 2 * warps_ ? "the tensor cores" : "a copy";
    }
    case Record::Kind::Strand: {
      const StrandInfo& info = strand_info(record.id());
      return fmt::format("threads {} to {}", info.first, info.first + info.threads - 1);
    }
    case Record::Kind::Set:
      return who(sets_[record.id()].front()) + " and others";
    case Record::Kind::Flight:
      return flights_[record.id()].who;
    case Record::Kind::None:
      break;
  }
  return "nobody";
}

std::string Hazards::who(const Strand& strand, const Accessor& accessor) const {
  if (!accessor.single) return strand.describe();
  return fmt::format("thread {} of {}", accessor.thread % 1024, strand.block->describe());
}

void Hazards::fault(Strand& strand, const Step& step, std::string_view code, const Touch& touch,
                    std::size_t unit, const Accessor& accessor, std::string_view what, Record other,
                    std::string_view other_did) {
  const Step* const before = step_at(other);
  const std::uint64_t key = std::uint64_t{step.number} << 32 |
                            (before ? before->number + 1 : 0) << 1 | (other_did.empty() ? 0 : 1);
  if (!told_.insert(key ^ std::hash<std::string_view>{}(code) << 20).second) return;
  Diagnostic diagnostic{Severity::Error, std::string(code), span_of(&step), {}, {}, {}};
  diagnostic << mnemonic(step) << ": "
             << (touch.element ? touch.element(unit) : std::string("a byte")) << " is " << what
             << " by " << who(strand, accessor);
  if (!other_did.empty()) {
    diagnostic << ", " << other_did;
    diagnostic.note(span_of(before), before
                                         ? fmt::format("{}: by {}", mnemonic(*before), who(other))
                                         : "by " + who(other) + ", long before");
  }
  if (code == "BL0503") {
    diagnostic.hint("write the tile first, all of what is read");
  } else if (code == "BL0507") {
    diagnostic.hint("wait for the copy, then let the threads meet at a barrier");
  } else if (code == "BL0509") {
    diagnostic.hint("put fence(async) behind the write, before the barrier");
  } else if (code == "BL0510") {
    diagnostic.hint("fill the stage only when its readers have said that they are done");
  } else {
    diagnostic.hint("a barrier belongs between the two");
  }
  report(strand, step, before ? before->number + 1 : 0, std::move(diagnostic));
}

void Hazards::check_read(Strand& strand, const Step& step, const Accessor& accessor,
                         const Touch& touch, std::size_t unit, Record write) {
  if (write.none()) {
    if (touch.global) return;  // what the launch gave
    fault(strand, step, "BL0503", touch, unit, accessor, "read before anything was written to it",
          write, {});
  } else if (write.kind() == Record::Kind::Flight) {
    fault(strand, step, "BL0507", touch, unit, accessor, "read", write,
          "and the copy that fills it has not been waited for");
  } else if (!certain_for(write, accessor, false) && !(touch.atomic && write.atomic())) {
    fault(strand, step, touch.global ? "BL0524" : "BL0508", touch, unit, accessor, "read", write,
          "and nothing orders this behind the write to it");
  } else if (touch.async_proxy && !fenced_for(write, accessor)) {
    fault(strand, step, "BL0509", touch, unit, accessor, "read through the async proxy", write,
          "and no fence makes the write to it visible there");
  }
}

void Hazards::check_write(Strand& strand, const Step& step, const Accessor& accessor,
                          const Touch& touch, std::size_t unit, const Granule& granule,
                          bool starts_copy) {
  const Record write = granule.write, read = granule.read;
  const std::string_view what = starts_copy ? "to be filled" : "written";
  if (write.kind() == Record::Kind::Flight) {
    fault(strand, step, "BL0507", touch, unit, accessor, what, write,
          "and a copy that fills it is still under way");
  } else if (!certain_for(write, accessor, false) && !(touch.atomic && write.atomic())) {
    const char* code = touch.global ? "BL0524" : starts_copy ? "BL0508" : "BL0505";
    fault(strand, step, code, touch, unit, accessor, what, write,
          "and nothing orders this behind another write to it");
  }
  if (!certain_for(read, accessor, true)) {
    const bool flies = read.kind() == Record::Kind::Flight;
    const char* code = touch.global ? "BL0524" : starts_copy || flies ? "BL0510" : "BL0508";
    fault(strand, step, code, touch, unit, accessor, what, read,
          "and nothing orders this behind the last read of what was there");
  }
}

void Hazards::report_held(Strand& strand, const Step& step, const Step& dot, bool accumulator) {
  Diagnostic diagnostic{Severity::Error, "BL0511", span_of(&step), {}, {}, {}};
  diagnostic << mnemonic(step) << ": " << (accumulator ? "the accumulator" : "operand a")
             << " of a warpgroup product that still runs is touched by " << strand.describe();
  diagnostic.note(span_of(&dot), "the product is started here");
  diagnostic.hint("wait for its group with dot_wait first");
  report(strand, step, dot.number + 1, std::move(diagnostic));
}

void Hazards::finished(Strand& strand) {
  held_.erase(strand.id);
}

}  // namespace bitloom::vm::interpreter
