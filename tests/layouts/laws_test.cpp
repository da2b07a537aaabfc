// The laws of the algebra, for random small layouts of rank 1 to 3 and for all products of two
// atoms with extents up to 3.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "layouts/fragments.h"
#include "layouts/shared_layout.h"
#include "tests/layouts/random_layout.h"

namespace bitloom::layouts {
namespace {

using testing::atom;
using testing::random_layout;
using testing::random_permutation;
using testing::random_shape;

int random_rank() {
  return *rc::gen::inRange(1, 4);
}

// Are two layouts the same function, element by element?
bool same_function(const RegisterLayout& a, const RegisterLayout& b) {
  return a.shape() == b.shape() && a.threads() == b.threads() && a.registers() == b.registers() &&
         a.table() == b.table();
}

// owners and element agree, every element has replication() owners, and they come by rising thread.
std::string describe_disagreement(const RegisterLayout& layout) {
  std::map<Index, std::vector<Owner>> held;
  for (std::int64_t t = 0; t < layout.threads(); ++t)
    for (std::int64_t r = 0; r < layout.registers(); ++r) {
      const Index element = layout.element(t, r);
      if (!contains(layout.shape(), element)) return "element outside the shape";
      if (layout.linear_element(t, r) != linear(element, layout.shape())) return "linear_element";
      held[element].push_back({t, r});
    }
  if (static_cast<std::int64_t>(held.size()) != size(layout.shape()))
    return "not every element is held";
  for (const auto& [element, owners] : held) {
    if (layout.owners(element) != owners) return "owners";
    if (layout.thread_and_register(element) != owners.front()) return "thread_and_register";
    if (static_cast<std::int64_t>(owners.size()) != layout.replication()) return "replication";
  }
  return {};
}

RC_GTEST_PROP(Laws, EveryElementHasItsOwners, ()) {
  RC_ASSERT(describe_disagreement(random_layout(random_rank())) == "");
}

RC_GTEST_PROP(Laws, TheProductIsWhatItsDefinitionSays, ()) {
  const int rank = random_rank();
  const auto a = random_layout(rank), b = random_layout(rank), product = a * b;
  RC_ASSERT(product.threads() == a.threads() * b.threads());
  RC_ASSERT(product.registers() == a.registers() * b.registers());
  const std::int64_t t = *rc::gen::inRange<std::int64_t>(0, product.threads());
  const std::int64_t r = *rc::gen::inRange<std::int64_t>(0, product.registers());
  const Index outer = a.element(t / b.threads(), r / b.registers());
  const Index inner = b.element(t % b.threads(), r % b.registers());
  for (int d = 0; d < rank; ++d) {
    RC_ASSERT(product.element(t, r)[d] == outer[d] * b.shape()[d] + inner[d]);
  }
}

RC_GTEST_PROP(Laws, TheProductIsAssociative, ()) {
  const int rank = random_rank();
  const auto a = random_layout(rank), b = random_layout(rank), c = random_layout(rank);
  RC_ASSERT((a * b) * c == a * (b * c));
}

RC_GTEST_PROP(Laws, RanksAreAlignedAtTheRight, ()) {
  const auto a = random_layout(2), b = random_layout(1), c = random_layout(3);
  RC_ASSERT((a * b) * c == a * (b * c));
  RC_ASSERT((b * a) * c == b * (a * c));
  RC_ASSERT(b * a == *b.expand_dims(0) * a);
}

RC_GTEST_PROP(Laws, DivisionUndoesTheProduct, ()) {
  const int rank = random_rank();
  const auto a = random_layout(rank), b = random_layout(rank);
  RC_ASSERT((a * b) / b == a);
  RC_ASSERT((a * b).left_quotient(a) == b);
}

RC_GTEST_PROP(Laws, AQuotientIsNeverWrong, ()) {
  const int rank = random_rank();
  const auto a = random_layout(rank), b = random_layout(rank);
  if (const auto quotient = a / b) RC_ASSERT(*quotient * b == a);
  if (const auto quotient = a.left_quotient(b)) RC_ASSERT(b * *quotient == a);
}

RC_GTEST_PROP(Laws, EqualityIsEqualityOfFunctions, ()) {
  const int rank = *rc::gen::inRange(1, 3);
  const auto a = random_layout(rank), b = random_layout(rank);
  RC_ASSERT((a == b) == same_function(a, b));
  if (a == b) RC_ASSERT(a.hash() == b.hash());
}

RC_GTEST_PROP(Laws, APermutationIsUndoneByItsInverse, ()) {
  const int rank = random_rank();
  const auto layout = random_layout(rank);
  const auto perm = random_permutation(rank);
  std::vector<int> inverse(perm.size());
  for (int i = 0; i < rank; ++i) inverse[perm[i]] = i;
  const auto permuted = *layout.permute(perm);
  RC_ASSERT(*permuted.permute(inverse) == layout);
  const std::int64_t t = *rc::gen::inRange<std::int64_t>(0, layout.threads());
  const std::int64_t r = *rc::gen::inRange<std::int64_t>(0, layout.registers());
  for (int i = 0; i < rank; ++i) {
    RC_ASSERT(permuted.element(t, r)[i] == layout.element(t, r)[perm[i]]);
  }
}

RC_GTEST_PROP(Laws, PermutationsDistributeOverTheProduct, ()) {
  const auto a = random_layout(3), b = random_layout(3);
  const auto perm = random_permutation(3);
  RC_ASSERT(*(a * b).permute(perm) == *a.permute(perm) * *b.permute(perm));
}

RC_GTEST_PROP(Laws, ReshapeKeepsTheLinearOrder, ()) {
  const auto layout = random_layout(random_rank());
  const auto flat = layout.reshape({size(layout.shape())});
  RC_ASSERT(flat.has_value());
  RC_ASSERT(flat->table() == layout.table());
  RC_ASSERT(flat->threads() == layout.threads());
  RC_ASSERT(*flat->reshape(layout.shape()) == layout);
}

RC_GTEST_PROP(Laws, ReshapeSucceedsExactlyWhenTheFunctionIsALayout, ()) {
  // A shape of the same size, cut at random divisors.
  const auto layout = random_layout(random_rank());
  const std::int64_t total = size(layout.shape());
  std::vector<std::int64_t> divisors;
  for (std::int64_t d = 1; d <= total; ++d)
    if (total % d == 0) divisors.push_back(d);
  const std::int64_t rows = *rc::gen::elementOf(divisors);
  if (const auto result = layout.reshape({rows, total / rows})) {
    RC_ASSERT(result->table() == layout.table());
    RC_ASSERT(describe_disagreement(*result) == "");
  } else {
    RC_ASSERT(total / rows != 1 && rows != 1);
  }
}

RC_GTEST_PROP(Laws, ReduceCoversTheSmallerTile, ()) {
  const int rank = random_rank();
  const auto layout = random_layout(rank);
  const int dim = *rc::gen::inRange(0, rank);
  const auto reduced = *layout.reduce(dim);
  RC_ASSERT(describe_disagreement(reduced) == "");
  RC_ASSERT(reduced.threads() == layout.threads());
  RC_ASSERT(*layout.reduce(dim, false) == *reduced.squeeze(dim));
  // A thread holds a reduced element exactly when it held one of its line.
  for (std::int64_t t = 0; t < layout.threads(); ++t) {
    std::vector<std::int64_t> before, after;
    for (std::int64_t r = 0; r < layout.registers(); ++r) {
      Index element = layout.element(t, r);
      element[dim] = 0;
      before.push_back(linear(element, reduced.shape()));
    }
    for (std::int64_t r = 0; r < reduced.registers(); ++r)
      after.push_back(reduced.linear_element(t, r));
    // The order of registers stays, each once.
    std::vector<std::int64_t> first;
    for (const std::int64_t element : before)
      if (std::find(first.begin(), first.end(), element) == first.end()) first.push_back(element);
    std::sort(first.begin(), first.end());
    std::sort(after.begin(), after.end());
    RC_ASSERT(first == after);
  }
}

RC_GTEST_PROP(Laws, ConcatLiesSideBySide, ()) {
  const int rank = random_rank(), dim = *rc::gen::inRange(0, rank);
  const auto tile = random_layout(rank);
  const auto repeated = [&](std::int64_t times) {
    Shape along(static_cast<std::size_t>(rank), 1);
    along[dim] = times;
    return local(along) * tile;
  };
  const std::int64_t k = *rc::gen::inRange(1, 5), m = *rc::gen::inRange(1, 5);
  const auto a = repeated(k), b = repeated(m);
  const auto joined = a.concat(b, dim);
  RC_ASSERT(joined.has_value());
  RC_ASSERT(*joined == repeated(k + m));
  for (std::int64_t t = 0; t < a.threads(); ++t) {
    for (std::int64_t r = 0; r < a.registers(); ++r)
      RC_ASSERT(joined->element(t, r) == a.element(t, r));
    for (std::int64_t r = 0; r < b.registers(); ++r) {
      Index beside = b.element(t, r);
      beside[dim] += a.shape()[dim];
      RC_ASSERT(joined->element(t, a.registers() + r) == beside);
    }
  }
}

RC_GTEST_PROP(Laws, TextReadsBack, ()) {
  const auto layout = random_layout(random_rank());
  const auto read = parse_register_layout(layout.to_string());
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == layout);
}

RC_GTEST_PROP(Laws, AnyTextIsReadOrRefused, (const std::string& noise)) {
  const std::string text = "spatial(2, 2)" + noise;
  const auto read = parse_register_layout(text);
  RC_ASSERT(read.has_value() || read.error().offset <= text.size());
}

TEST(Laws, HoldForAllProductsOfTwoAtoms) {
  std::vector<RegisterLayout> atoms;
  for (int kind = 0; kind < 5; ++kind)
    for (std::int64_t rows = 1; rows <= 3; ++rows)
      for (std::int64_t columns = 1; columns <= 3; ++columns)
        atoms.push_back(atom(kind, {rows, columns}));
  for (const RegisterLayout& a : atoms) {
    for (const RegisterLayout& b : atoms) {
      const RegisterLayout product = a * b;
      ASSERT_EQ(describe_disagreement(product), "") << product;
      ASSERT_EQ(product / b, a) << product;
      ASSERT_EQ(product.left_quotient(a), b) << product;
      ASSERT_EQ(*parse_register_layout(product.to_string()), product) << product;
      ASSERT_EQ(*product.permute({1, 0})->permute({1, 0}), product) << product;
      ASSERT_TRUE(product.reshape({size(product.shape())})) << product;
      ASSERT_TRUE(RegisterLayout::valid_digits(product.shape(), product.thread_digits(),
                                               product.register_digits()));
    }
  }
}

TEST(Laws, HoldForFragments) {
  for (const std::string& name : fragment_names()) {
    const RegisterLayout fragment = *named_fragment(name);
    EXPECT_EQ(describe_disagreement(fragment), "") << name;
    EXPECT_EQ(*parse_register_layout(fragment.to_string()), fragment) << name;
    EXPECT_EQ((spatial(2, 2) * fragment) / fragment, spatial(2, 2)) << name;
  }
}

// A register tile that goes to shared memory through any layout there and comes back is the same.
RC_GTEST_PROP(Laws, SharedLayoutsKeepEveryElement, ()) {
  const Shape shape = random_shape(2, 24);
  const int bits = *rc::gen::element(1, 3, 4, 8, 16, 32);
  const Swizzle swizzle = *rc::gen::element(kNoSwizzle, kSwizzle32, kSwizzle64, kSwizzle128);
  const auto layout = *rc::gen::element(SharedLayout::row_major(shape, bits, swizzle),
                                        SharedLayout::column_major(shape, bits, swizzle),
                                        SharedLayout::padded(shape, bits, 5));
  RC_ASSERT(layout.is_bijective());
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < size(shape); ++i)
    places.push_back(layout.offset_bits(unlinear(i, shape)));
  std::sort(places.begin(), places.end());
  for (std::size_t i = 1; i < places.size(); ++i) RC_ASSERT(places[i] > places[i - 1]);
}

RC_GTEST_PROP(Laws, NestedModesAreBijectiveExactlyWhenPlacesDiffer, ()) {
  std::vector<SharedLayout::Modes> dims(2);
  for (auto& modes : dims)
    for (int count = *rc::gen::inRange(1, 3); count > 0; --count)
      modes.push_back(
          {*rc::gen::inRange<std::int64_t>(1, 4), *rc::gen::inRange<std::int64_t>(0, 9)});
  const SharedLayout layout(dims, 8);
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < size(layout.shape()); ++i)
    places.push_back(layout.offset_elements(unlinear(i, layout.shape())));
  std::sort(places.begin(), places.end());
  const bool differ = std::adjacent_find(places.begin(), places.end()) == places.end();
  RC_ASSERT(layout.is_bijective() == differ);
}

}  // namespace
}  // namespace bitloom::layouts
