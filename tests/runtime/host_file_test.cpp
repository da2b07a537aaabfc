// Files are read safely, and written whole or not at all.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/host/file.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::runtime {
namespace {

using tests::TemporaryFolder;

Result<void> write_text(const std::string& path, std::string_view text) {
  const std::span<const std::byte> pieces[] = {bytes_of(text.substr(0, text.size() / 2)),
                                               bytes_of(text.substr(text.size() / 2))};
  return write_file(path, pieces);
}

TEST(HostFile, MapsWhatWasWritten) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_text(folder.path("a"), "contents"));
  const auto file = MappedFile::open(folder.path("a"));
  ASSERT_TRUE(file);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()),
            "contents");
  EXPECT_EQ(folder.count(), 1u);
}

TEST(HostFile, AnEmptyFileHasNoBytes) {
  const TemporaryFolder folder;
  EXPECT_TRUE(MappedFile::open(folder.write("empty", ""))->bytes().empty());
}

TEST(HostFile, SaysWhyAFileCannotBeOpened) {
  const TemporaryFolder folder;
  EXPECT_EQ(MappedFile::open(folder.path("none")).error().code, "BL0601");
  EXPECT_EQ(MappedFile::open(folder.path()).error().code, "BL0602");
  ASSERT_EQ(mkfifo(folder.path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(folder.path("pipe")).error().code, "BL0602");
}

TEST(HostFile, ReplacesAFileAndKeepsItsMode) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a", "old");
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  ASSERT_TRUE(write_text(path, "new"));
  EXPECT_EQ(folder.read("a"), "new");
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
  EXPECT_EQ(folder.count(), 1u);
}

TEST(HostFile, FollowsALink) {
  const TemporaryFolder folder;
  folder.write("target", "old");
  ASSERT_EQ(symlink("target", folder.path("link").c_str()), 0);
  ASSERT_TRUE(write_text(folder.path("link"), "new"));
  EXPECT_EQ(folder.read("target"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path("link")));
}

TEST(HostFile, AFailureLeavesNothingBehind) {
  const TemporaryFolder folder;
  const auto nowhere = write_text(folder.path("no/such/folder/a"), "x");
  EXPECT_EQ(nowhere.error().code, "BL0607");
  EXPECT_EQ(write_text(folder.path(), "x").error().code, "BL0607");
  // The name is taken by a folder only after the temporary file was made: rename() fails.
  std::filesystem::create_directory(folder.path("taken"));
  folder.write("taken/inside", "x");
  EXPECT_EQ(write_text(folder.path("taken"), "x").error().code, "BL0607");
  EXPECT_EQ(folder.count(), 1u);
}

TEST(HostFile, WritesToADeviceAsItIs) {
  ASSERT_TRUE(write_text("/dev/null", "gone"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  // A full disk is reported, not lost.
  EXPECT_EQ(write_text("/dev/full", "x").error().code, "BL0607");
}

}  // namespace
}  // namespace bitloom::runtime
