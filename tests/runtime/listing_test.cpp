// Listings: the source's lines where the marks of three compilers are.
#include "runtime/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temporary_folder.h"

namespace bitloom::runtime {
namespace {

using testing::HasSubstr;

class Listing : public testing::Test {
 protected:
  Listing() { sources_.add("k.bl", "kernel k\n    let a = 1\n    let b = 2\n"); }
  dsl::SourceManager sources_;
};

TEST_F(Listing, CudaTextHasLineDirectives) {
  EXPECT_EQ(
      cuda_listing("head\n#line 2 \"k.bl\"\nx = 1;\n#line 2\ny = 1;\n#line 3\nz = 2;\n", sources_),
      "head\n// k.bl:2: let a = 1\nx = 1;\ny = 1;\n// k.bl:3: let b = 2\nz = 2;\n");
}

TEST_F(Listing, AFileThatIsNotThereIsNamed) {
  EXPECT_EQ(cuda_listing("#line 9 \"other \\\"x\\\".bl\"\nx;\n", sources_),
            "// other \"x\".bl:9:\nx;\n");
}

TEST_F(Listing, PtxHasLocations) {
  const std::string ptx =
      "add.s32 %r1, %r2, %r3;\n\t.loc\t1 3 0\nmul.s32 %r4, %r1, 2;\n\t.loc\t1 3 0\nret;\n"
      "\t.file\t1 \"k.bl\"\n";
  EXPECT_EQ(ptx_listing(ptx, sources_),
            "add.s32 %r1, %r2, %r3;\n// k.bl:3: let b = 2\nmul.s32 %r4, %r1, 2;\nret;\n"
            "\t.file\t1 \"k.bl\"\n");
}

TEST_F(Listing, MachineCodeHasComments) {
  EXPECT_EQ(sass_listing("\t//## File \"k.bl\", line 2\n  IADD3 R1;\n", sources_),
            "// k.bl:2: let a = 1\n  IADD3 R1;\n");
}

TEST_F(Listing, TheDisassemblerIsLookedUpAndItsFailureIsTold) {
  tests::TemporaryFolder folder;
  const std::string program = folder.write(
      "nvdisasm",
      "#!/bin/sh\n[ \"$1\" = -g ] || exit 3\necho '//## File \"k.bl\", line 3'\ncat $3\n");
  ASSERT_EQ(chmod(program.c_str(), 0755), 0);
  EXPECT_EQ(find_disassembler({"/nonexistent", folder.path()}), program);
  const auto missing = find_disassembler({"/nonexistent"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "BL0710");
  const std::string image = "the image";
  const auto text = disassemble(program, std::as_bytes(std::span(image)));
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, "//## File \"k.bl\", line 3\nthe image");
  folder.write("nvdisasm", "#!/bin/sh\necho 'no such architecture'\nexit 1\n");
  const auto failed = disassemble(program, std::as_bytes(std::span(image)));
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("no such architecture"));
}

}  // namespace
}  // namespace bitloom::runtime
