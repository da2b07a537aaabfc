// Combining the elements of a tile along one dimension, in the order that reductions have
// (vm/interpreter/reduction_order.h): each thread its own by rising register, the lanes of a warp
// as a balanced tree over neighbours, warps by rising number.
//
// What is combined is a *state*: one variable for a sum, a key with its place and its code for the
// greatest element. The caller says how a state is made of an element and how two are combined.
#pragma once

#include <functional>

#include "codegen/cuda/kernel_writer.h"

namespace bitloom::codegen {

struct FoldState {
  std::vector<vm::ElementType> types;  // of its variables, of 32 or 64 bits or fewer: kept as codes
};

struct Fold {
  FoldState state;
  // The state of register `reg`, as codes.
  std::function<std::vector<std::string>(std::int64_t reg)> first;
  // Prints the statements that combine b into a: a is a list of variables, b of expressions without
  // effects.
  std::function<void(const std::vector<std::string>& a, const std::vector<std::string>& b)> combine;
};

struct Folded {
  layouts::RegisterLayout layout;                // of the result: dim has extent 1
  std::vector<std::vector<std::string>> states;  // of each of its registers, names of variables
};

// nullopt, with the reason, when lanes hold the dimension in a way that is no tree.
std::optional<Folded> fold_tile(KernelWriter& out, const layouts::RegisterLayout& layout, int dim,
                                const Fold& fold, std::string& why);

}  // namespace bitloom::codegen
