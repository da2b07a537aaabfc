#include "codegen/cuda/thread_form.h"

#include <gtest/gtest.h>

#include "layouts/fragments.h"
#include "layouts/shared_layout.h"

namespace bitloom::codegen {
namespace {

// Coordinates of every fragment are sums of the thread's digits, and `at` says what the text
// computes.
TEST(ThreadForm, CoordinatesOfEveryFragmentAreSums) {
  for (const std::string& name : layouts::fragment_names()) {
    const auto layout = *layouts::named_fragment(name);
    for (std::size_t d = 0; d < layout.shape().size(); ++d) {
      const auto form = fit(digits_of(layout), layout.threads(),
                            [&](std::int64_t t) { return layout.element(t, 0)[d]; });
      ASSERT_TRUE(form) << name;
      for (std::int64_t t = 0; t < layout.threads(); ++t)
        EXPECT_EQ(form->at(t), layout.element(t, 0)[d]);
    }
  }
}

TEST(ThreadForm, MergesDigitsThatCountOn) {
  const auto form =
      fit(digits_of(256), 256, [](std::int64_t t) { return t % 32 * 4 + t / 32 * 512; });
  ASSERT_TRUE(form);
  EXPECT_EQ(form->text("tid", 256), "((tid >> 5) * 512 + (tid & 31u) * 4)");
}

TEST(ThreadForm, WholeNumberIsTheThread) {
  const auto form = fit(digits_of(96), 96, [](std::int64_t t) { return t; });
  ASSERT_TRUE(form);
  EXPECT_EQ(form->text("tid", 96), "tid");
}

TEST(ThreadForm, RefusesWhatIsNoSum) {
  EXPECT_FALSE(fit(digits_of(32), 32, [](std::int64_t t) { return t * t; }));
}

// A swizzled address is no sum, but an XOR of the digits' parts.
TEST(ThreadForm, SwizzledAddressesAreCombinedByXor) {
  const auto address = [](std::int64_t t) {
    return layouts::kSwizzle128.apply(t % 8 * 128 + t / 8 * 16);
  };
  EXPECT_FALSE(fit(digits_of(32), 32, address));
  const auto form = fit_xor(digits_of(32), 32, address);
  ASSERT_TRUE(form);
  for (std::int64_t t = 0; t < 32; ++t) EXPECT_EQ(form->at(t), address(t));
}

}  // namespace
}  // namespace bitloom::codegen
