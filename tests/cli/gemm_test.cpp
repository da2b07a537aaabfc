// gemm.bl from the command line: arrays from .npy files, weights as unpacked codes, the product
// into a file.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "runtime/host/npy.h"
#include "runtime/host/safetensors.h"
#include "tests/cli/process.h"
#include "tests/kernels/arrays.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::tests {
namespace {

using runtime::HostArray;
using test::at;

struct Problem {
  vm::ElementType weight;
  std::int64_t m, n, k, group;
  bool zero;
};

class GemmFiles {
 public:
  GemmFiles(const Problem& problem, std::mt19937_64& random)
      : p_(problem),
        a_(test::normal(vm::kF16, {p_.m, p_.k}, random)),
        w_(test::codes(p_.weight, {p_.k, p_.n}, random)),
        scale_(test::normal(vm::kF16, {p_.k / p_.group, p_.n}, random, 0.01)),
        zero_(test::normal(vm::kF16, {p_.k / p_.group, p_.n}, random, 0.5, 2)) {
    EXPECT_TRUE(runtime::write_npy(folder_.path("a.npy"), a_));
    EXPECT_TRUE(runtime::write_npy(folder_.path("w.npy"), w_));  // uint8, one code an element
    EXPECT_TRUE(runtime::write_npy(folder_.path("scale.npy"), scale_));
    EXPECT_TRUE(runtime::write_npy(folder_.path("zero.npy"), zero_));
  }

  Finished run(const std::string& more) const {
    std::vector<std::string> words = {bitloom_program(),
                                      "run",
                                      BITLOOM_SOURCE_DIR "/kernels/gemm/gemm.bl",
                                      "--set",
                                      fmt::format("W={}", to_string(p_.weight)),
                                      "--set",
                                      fmt::format("G={}", p_.group),
                                      "--arg",
                                      "a=a.npy",
                                      "--arg",
                                      "w=w.npy",
                                      "--arg",
                                      "scale=scale.npy"};
    if (p_.zero) words.insert(words.end(), {"--arg", "zero=zero.npy"});
    for (const std::string& word : words_of(more)) words.push_back(word);
    return Process(words, folder_.path()).wait(std::chrono::seconds(120));
  }

  std::vector<double> expected() const {
    std::vector<double> product(static_cast<std::size_t>(p_.m * p_.n));
    for (std::int64_t i = 0; i < p_.m; ++i) {
      for (std::int64_t l = 0; l < p_.k; ++l) {
        for (std::int64_t j = 0; j < p_.n; ++j) {
          const std::int64_t g = l / p_.group * p_.n + j;
          const double weight =
              (at(w_, l * p_.n + j) - (p_.zero ? at(zero_, g) : 0)) * at(scale_, g);
          product[static_cast<std::size_t>(i * p_.n + j)] += at(a_, i * p_.k + l) * weight;
        }
      }
    }
    return product;
  }

  const TemporaryFolder& folder() const { return folder_; }

 private:
  Problem p_;
  TemporaryFolder folder_;
  HostArray a_, w_, scale_, zero_;
};

TEST(GemmFromTheCommandLine, PacksCodesAndWritesTheProduct) {
  std::mt19937_64 random(test::test_seed());
  for (const char* weight : {"u4", "i3", "e2m1", "u1"}) {
    const std::int64_t group = test::pick(random, 0, 1) == 0 ? 32 : 64;
    const Problem problem{*vm::parse_element_type(weight),
                          test::pick(random, 1, 20),
                          8 * test::pick(random, 1, 12),
                          group * test::pick(random, 1, 4),
                          group,
                          weight[0] == 'u'};
    SCOPED_TRACE(fmt::format("W={} m={} n={} k={} G={}", weight, problem.m, problem.n, problem.k,
                             problem.group));
    const GemmFiles files(problem, random);
    const Finished finished = files.run("--out c=c.npy --fast");
    ASSERT_EQ(finished.status, 0) << finished.err;
    EXPECT_EQ(finished.out, "");
    EXPECT_EQ(files.folder().count(), 5u);
    const auto c = runtime::read_npy(files.folder().path("c.npy"));
    ASSERT_TRUE(c.has_value());
    EXPECT_EQ(c->type(), vm::kF16);
    EXPECT_EQ(c->shape(), (runtime::Shape{problem.m, problem.n}));
    EXPECT_LT(test::relative_error(*c, files.expected()), 2e-3);
  }
}

// The packed weights come back as the codes that went in, in a file of either kind.
TEST(GemmFromTheCommandLine, WritesLogicalArrays) {
  std::mt19937_64 random(test::test_seed() + 1);
  const GemmFiles files({*vm::parse_element_type("i3"), 2, 64, 64, 64, false}, random);
  const Finished finished = files.run("--out c=c.npy --out w=back.npy --out a=all.safetensors");
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(files.folder().read("back.npy"), files.folder().read("w.npy"));
  const auto checkpoint = runtime::SafetensorsFile::open(files.folder().path("all.safetensors"));
  ASSERT_TRUE(checkpoint.has_value());
  const auto a = checkpoint->read("a"), written = runtime::read_npy(files.folder().path("a.npy"));
  ASSERT_TRUE(a.has_value() && written.has_value());
  EXPECT_TRUE(std::ranges::equal(a->bytes(), written->bytes()));
}

}  // namespace
}  // namespace bitloom::tests
