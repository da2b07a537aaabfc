// Copies from global to shared memory by all threads (cp.async).
//
// Which thread copies what is in codegen/cuda/copy_places.h. What lies outside arrives as zeros:
// the copy then reads none of its bytes.
#include "codegen/cuda/copy_places.h"
#include "codegen/cuda/emit.h"

namespace bitloom::codegen {

void emit(const vm::CopyAsyncOp& op, KernelWriter& out) {
  const MemoryView target = out.view(op.target()), source = out.view(op.source());
  // Packed tensors move 16 bytes at once, which their atoms are made of.
  const std::int64_t bytes = source.root->packed ? 16 : op->integer("vector", 16);
  const auto places = CopyPlaces::make(out, &target, source, bytes, op->shape("clip"));
  if (!places) return out.fail(*op, "the two sides lie differently");
  for (std::int64_t turn = 0; turn < places->turns(); ++turn) {
    const std::string inside = places->inside(turn), to = places->target(turn),
                      from = places->source(turn), takes_part = places->takes_part(turn);
    const std::string guard = takes_part.empty() ? "" : fmt::format("if ({}) ", takes_part);
    if (inside.empty()) {
      out.line("{}{};", guard, out.call(fmt::format("copy_async_{}", bytes), to, from));
    } else {
      out.line("{}{};", guard,
               out.call(fmt::format("copy_async_zero_{}", bytes), to, from,
                        fmt::format("{} ? {} : 0", inside, bytes)));
    }
  }
}

void emit(const vm::CopyCommitOp&, KernelWriter& out) {
  out.line("{};", out.call("copy_commit"));
}

void emit(const vm::CopyWaitOp& op, KernelWriter& out) {
  out.line("{}<{}>();", out.prelude().use("copy_wait"), op->integer("pending"));
}

void emit(const vm::CopyOp& op, KernelWriter& out) {
  out.fail(*op, "copies are lowered by a pass; this function was not");
}

}  // namespace bitloom::codegen
