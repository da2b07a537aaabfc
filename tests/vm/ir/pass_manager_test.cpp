// The pass manager: what it prints, measures and refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "vm/builder.h"
#include "vm/passes/pass.h"

namespace bitloom::vm {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

PassResult add_a_sync(Function& function, PassContext&) {
  Builder(function).emit(Opcode::Sync, {});
  return PassResult::Changed;
}
PassResult look(Function&, PassContext&) {
  return PassResult::Unchanged;
}
PassResult give_up(Function& function, PassContext& context) {
  context.diagnostics.error("BL0301", function.span, "too large");
  return PassResult::Failed;
}
PassResult break_it(Function& function, PassContext&) {
  Builder(function).emit(Opcode::Break, {});
  return PassResult::Changed;
}

Function small_kernel() {
  Function function;
  function.name = "k";
  function.threads = 32;
  function.grid = {layouts::SizeExpr(1)};
  return function;
}

struct Outcome {
  bool good = false;
  std::string printed;
  Diagnostics diagnostics;
  std::vector<PassTiming> timings;
};

Outcome run(std::vector<Pass> passes, PassOptions options) {
  Function function = small_kernel();
  Outcome result;
  std::ostringstream out;
  options.out = &out;
  PassContext context{Target{}, result.diagnostics};
  result.good = run_passes(function, passes, context, options);
  result.printed = out.str();
  result.timings = context.timings;
  return result;
}

TEST(PassManager, PrintsAfterThePassThatIsNamed) {
  const Outcome result = run({{"look", look}, {"add-a-sync", add_a_sync}, {"look", look}},
                             {.print_after = "add-a-sync"});
  EXPECT_TRUE(result.good);
  EXPECT_EQ(result.printed,
            "// after add-a-sync\nkernel @k threads(32) grid(1)\n  ()\n{\n  sync\n}\n\n");
}

TEST(PassManager, PrintsAfterThePassThatIsNamedAlsoWhatItLeftUnchanged) {
  const Outcome result = run({{"look", look}, {"add-a-sync", add_a_sync}}, {.print_after = "look"});
  EXPECT_EQ(result.printed,
            "// after look (unchanged)\nkernel @k threads(32) grid(1)\n  ()\n{\n}\n\n");
}

TEST(PassManager, PrintsAfterAllAndSaysWhatDidNotChange) {
  const Outcome result = run({{"look", look}, {"add-a-sync", add_a_sync}}, {.print_after = "all"});
  EXPECT_THAT(result.printed, HasSubstr("// after look (unchanged)\n// after add-a-sync\nkernel"));
}

TEST(PassManager, PrintsNothingUnasked) {
  EXPECT_EQ(run({{"add-a-sync", add_a_sync}}, {}).printed, "");
}

TEST(PassManager, StopsAtThePassThatFails) {
  const Outcome result =
      run({{"give-up", give_up}, {"add-a-sync", add_a_sync}}, {.print_after = "add-a-sync"});
  EXPECT_FALSE(result.good);
  EXPECT_EQ(result.printed, "");
  EXPECT_THAT(result.diagnostics.all(), ElementsAre(Field(&Diagnostic::code, "BL0301")));
}

TEST(PassManager, BlamesThePassThatBreaksTheIr) {
  const Outcome result =
      run({{"add-a-sync", add_a_sync}, {"break-it", break_it}, {"look", look}}, {});
  EXPECT_FALSE(result.good);
  ASSERT_EQ(result.diagnostics.error_count(), 1u);
  const Diagnostic& error = result.diagnostics.all()[0];
  EXPECT_EQ(error.code, "BL0902");
  EXPECT_EQ(error.message,
            "internal error: pass 'break-it' left IR of kernel 'k' that does not verify");
  ASSERT_EQ(error.notes.size(), 1u);
  EXPECT_THAT(error.notes[0].text, HasSubstr("BL0121: break"));
}

TEST(PassManager, VerifiesWhatThePassPromises) {
  const Outcome result = run({{"look", look, VerifyStage::Lowered}}, {});
  EXPECT_FALSE(result.good);
  EXPECT_THAT(result.diagnostics.all(), ElementsAre(Field(&Diagnostic::code, "BL0902")));
}

TEST(PassManager, BelievesWhenToldTo) {
  EXPECT_TRUE(run({{"break-it", break_it}}, {.verify_between = false}).good);
}

TEST(PassManager, MeasuresEachPass) {
  const Outcome result = run({{"look", look}, {"add-a-sync", add_a_sync}}, {.time = true});
  EXPECT_THAT(result.timings, ElementsAre(Field(&PassTiming::pass, "look"),
                                          Field(&PassTiming::pass, "add-a-sync")));
  EXPECT_FALSE(result.timings[0].changed);
  EXPECT_TRUE(result.timings[1].changed);
  const std::string table = timing_table(result.timings);
  EXPECT_THAT(table, HasSubstr("ms  look (unchanged)\n"));
  EXPECT_THAT(table, HasSubstr("ms  all passes\n"));
}

TEST(Target, ReadsEveryNameAndNothingElse) {
  for (const std::string& name : target_names()) {
    const auto target = Target::parse(name);
    ASSERT_TRUE(target) << name;
    EXPECT_EQ(to_string(*target), name);
  }
  for (const char* text : {"", "80", "sm_", "sm_81", "sm_80a", "sm_90b", "SM_80", "sm_90a "}) {
    EXPECT_FALSE(Target::parse(text)) << text;
  }
  EXPECT_TRUE(Target::parse("sm_90a")->has_warpgroup_dot());
  EXPECT_FALSE(Target::parse("sm_90")->has_warpgroup_dot());
}

}  // namespace
}  // namespace bitloom::vm
