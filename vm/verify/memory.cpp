// Accesses: a register tile and a window agree in shape and element type; hints are words that the
// machine has.
#include <algorithm>

#include "vm/verify/rules.h"

namespace bitloom::vm {
namespace {

constexpr std::int64_t kWidths[] = {0, 1, 2, 4, 8, 16};  // bytes an access; 0: not chosen yet

// BL0220, BL0242: attributes of a load or a store.
void access_hints(VerifyContext& context, ValueId window, bool load) {
  if (load) {
    rules::word_in(context, "cache", {"default", "evict_first", "evict_last", "no_allocate", "nc"});
    rules::word_in(context, "form", {"plain", "ldmatrix", "ldmatrix_trans"});
  } else {
    rules::word_in(context, "cache", {"default", "evict_first", "evict_last", "no_allocate"});
    rules::word_in(context, "form", {"plain", "stmatrix", "stmatrix_trans"});
  }
  const std::int64_t vector = context.instruction->integer("vector");
  if (std::find(std::begin(kWidths), std::end(kWidths), vector) == std::end(kWidths)) {
    context.fail("BL0242") << "vector is " << vector << "; an access moves 1, 2, 4, 8 or 16 bytes";
  }
  const bool shared = context.type(window).space == Space::Shared;
  const std::string_view form = context.instruction->word("form", "plain");
  if (form != "plain" && !shared) {
    context.fail("BL0245", {window}) << form << " works on shared memory";
  }
  if (form != "plain" && context.element(window).bits != 16) {
    context.fail("BL0204", {window})
        << form << " moves elements of 16 bits, and " << context.name(window) << " has "
        << int{context.element(window).bits};
  }
  const int target = context.function.target_sm;
  const int needed = form == "plain" ? 0 : load ? 75 : 90;
  if (target != 0 && target < needed) {
    context.fail("BL0249") << form << " needs sm_" << needed << " where the target is sm_"
                           << target;
  }
  const std::string_view cache = context.instruction->word("cache", "default");
  if (cache != "default" && shared) {
    context.fail("BL0245", {window}) << "cache policy " << cache << " is for global memory";
  }
}

// Shape that a tile of gathered or scattered elements has: with a list of indices, the window's
// with the list's length along dim; else the shape of the index itself.
bool indexed_shape(VerifyContext& context, ValueId window, ValueId index, ValueId tile) {
  if (!rules::element_in(context, index, rules::kIndices)) return false;
  if (!rules::dim_of(context, window)) return false;
  const Type& memory = context.type(window);
  const Shape &list = context.shape(index), &found = context.shape(tile);
  const auto dim = static_cast<std::size_t>(context.instruction->integer("dim"));
  const auto rank = static_cast<std::size_t>(memory.rank());
  const auto rows = [&] {
    if (list.size() != 1 || found.size() != rank || found[dim] != list[0]) return false;
    for (std::size_t i = 0; i < rank; ++i) {
      if (i != dim && context.extent(window, static_cast<int>(i)) != found[i]) return false;
    }
    return true;
  };
  const auto elements = [&] {
    if (list != found) return false;
    if (rank == 1) return true;  // a table: any shape of indices
    if (found.size() != rank) return false;
    for (std::size_t i = 0; i < rank; ++i) {
      const auto extent = context.extent(window, static_cast<int>(i));
      if (i != dim && (!extent || *extent < found[i])) return false;
    }
    return true;
  };
  if (rows() || elements()) return true;
  context.fail("BL0259", {index, window, tile})
      << "with an index of shape " << layouts::to_string(list) << " along dimension " << dim
      << " of " << to_string(memory) << " the tile cannot have shape " << layouts::to_string(found);
  context.diagnostics.last().hint(
      "an index of rank 1 takes whole rows, one of the tile's own shape takes single elements");
  return false;
}

bool is_atomic(ElementType type, std::string_view op) {
  const bool word = type.is_integer() && type.bits >= 32;
  if (op == "add") return (word && type != kI64) || rules::is_arithmetic_float(type);
  if (op == "exchange") return type.bits == 32 || type.bits == 64;
  return word;
}

// BL0220 and BL0204: operation, order and scope of an atomic, and a type that has it.
bool atomic_words(VerifyContext& context, ValueId target, bool fetch) {
  if (!rules::require(context, "op")) return false;
  const bool known =
      fetch ? rules::word_in(context, "op", {"add", "min", "max", "and", "or", "xor", "exchange"})
            : rules::word_in(context, "op", {"add", "min", "max", "and", "or", "xor"});
  if (!known) return false;
  rules::word_in(context, "order", {"relaxed", "release", "acquire", "acq_rel"});
  rules::word_in(context, "scope", {"block", "gpu", "system"});
  const std::string_view op = context.instruction->word("op");
  const ElementType element = context.element(target);
  if (is_atomic(element, op)) return true;
  context.fail("BL0204", {target}) << "there is no atomic " << op << " of " << to_string(element)
                                   << "; integers of 32 and 64 bits have all, floats have add";
  return false;
}

// A flag: one integer of 32 or 64 bits.
void flag(VerifyContext& context, ValueId memory, ValueId value) {
  rules::word_in(context, "scope", {"block", "gpu", "system"});
  if (!rules::single_element(context, memory)) return;
  if (rules::index_scalar(context, memory)) rules::same_element(context, memory, value);
}

}  // namespace

// d has the shape and element type of the window; the mask is a bool tile like it. ldmatrix reads
// shared memory, 16-bit elements.
void verify(const LoadOp& op, VerifyContext& context) {
  if (!rules::tile_fits_window(context, op.d(), op.source())) return;
  rules::mask_of(context, op.mask(), op.d());
  rules::clip_of(context, op.source());
  access_hints(context, op.source(), true);
}

// x has the shape and element type of the window. stmatrix writes shared memory, 16-bit elements.
void verify(const StoreOp& op, VerifyContext& context) {
  if (!rules::tile_fits_window(context, op.x(), op.target())) return;
  rules::mask_of(context, op.mask(), op.x());
  rules::clip_of(context, op.target());
  access_hints(context, op.target(), false);
}

// The index has 32 or 64 bits. With rank 1 the result has the extents of the source, but the
// length of the index along dim; else index and result have one shape.
void verify(const GatherOp& op, VerifyContext& context) {
  if (!rules::same_element(context, op.source(), op.d())) return;
  if (!indexed_shape(context, op.source(), op.index(), op.d())) return;
  rules::mask_of(context, op.mask(), op.d());
  rules::clip_of(context, op.source());
  rules::word_in(context, "cache", {"default", "evict_first", "evict_last", "no_allocate", "nc"});
}

// As gather, with x for the result.
void verify(const ScatterOp& op, VerifyContext& context) {
  if (!rules::same_element(context, op.target(), op.x())) return;
  if (!indexed_shape(context, op.target(), op.index(), op.x())) return;
  rules::mask_of(context, op.mask(), op.x());
  rules::clip_of(context, op.target());
}

// add of i32, u32, u64 and the floats; min max and or xor of integers of 32 and 64 bits. Shapes as
// store, or with an index as scatter.
void verify(const AtomicOp& op, VerifyContext& context) {
  if (!atomic_words(context, op.target(), false)) return;
  if (op.index() == kNoValue) {
    if (!rules::tile_fits_window(context, op.x(), op.target())) return;
  } else {
    if (!rules::same_element(context, op.target(), op.x())) return;
    if (!indexed_shape(context, op.target(), op.index(), op.x())) return;
  }
  rules::mask_of(context, op.mask(), op.x());
  rules::clip_of(context, op.target());
}

// On exactly one element; exchange of any type with 32 or 64 bits besides.
void verify(const AtomicFetchOp& op, VerifyContext& context) {
  if (!atomic_words(context, op.target(), true)) return;
  if (!rules::single_element(context, op.target())) return;
  if (rules::same_element(context, op.target(), op.x())) {
    rules::same_element(context, op.target(), op.d());
  }
}

void verify(const LoadAcquireOp& op, VerifyContext& context) {
  flag(context, op.source(), op.d());
}

void verify(const StoreReleaseOp& op, VerifyContext& context) {
  flag(context, op.target(), op.x());
}

// A window of constant extents.
void verify(const PrefetchOp& op, VerifyContext& context) {
  if (rules::constant_window(context, op.source())) rules::clip_of(context, op.source());
}

}  // namespace bitloom::vm
