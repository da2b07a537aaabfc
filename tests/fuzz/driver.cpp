// A small driver for fuzz targets, where libFuzzer is not at hand: replays a corpus, then mutates
// it for a while.
//
//   fuzz_npy tests/fuzz/corpus/npy [more folders or files]
//
//   BITLOOM_FUZZ_SECONDS   how long to mutate (0.5 unless said; 0 only replays)
//   BITLOOM_FUZZ_SEED      the seed of an earlier run, to repeat it; printed at the start
//
// It knows nothing of coverage. It cuts, joins, repeats and overwrites pieces of known inputs, and
// is meant to notice a parser that lost its bounds check today; the long hunts are libFuzzer's. The
// input in work is kept in memory, and a crash writes it to crash-SEED-RUN in the current folder.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
// What a target may bring along, as for libFuzzer; three changes of four are then its own.
extern "C" [[gnu::weak]] std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                                             std::size_t most, unsigned seed);

namespace {

using Input = std::vector<std::uint8_t>;

constexpr std::size_t kLongest = 1 << 16;
constexpr int kHangSeconds = 20;

// What a signal handler needs: plain memory, set before every run.
struct Current {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  char path[64] = "crash";
} current;

// Only calls that are safe in a signal handler.
void save_current(int signal) {
  const int file = open(current.path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0) {
    [[maybe_unused]] const auto written = write(file, current.data, current.size);
    close(file);
  }
  const char text[] = "\nthe input was saved as ";
  [[maybe_unused]] auto ignored = write(2, text, sizeof text - 1);
  ignored = write(2, current.path, std::char_traits<char>::length(current.path));
  ignored = write(2, signal == SIGALRM ? " (hang)\n" : "\n", signal == SIGALRM ? 8 : 1);
  _exit(1);
}

void run(const Input& input) {
  // A copy of exactly the right size, so that sanitizers see an access behind its end.
  const Input exact(input.begin(), input.end());
  current.data = exact.data();
  current.size = exact.size();
  alarm(kHangSeconds);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  alarm(0);
}

Input read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<Input> read_corpus(int argc, char** argv) {
  std::vector<std::filesystem::path> paths;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      paths.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i]))
      if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);  // the order of a folder differs between machines, a seed should not
  std::vector<Input> corpus;
  for (const auto& path : paths) corpus.push_back(read(path));
  return corpus;
}

class Mutator {
 public:
  Mutator(const std::vector<Input>& corpus, std::uint64_t seed) : corpus_(corpus), random_(seed) {}

  Input next() {
    Input input = corpus_[below(corpus_.size())];
    if (LLVMFuzzerCustomMutator && below(4) != 0) {
      const std::size_t size = input.size();
      input.resize(kLongest);
      std::size_t now = std::min(size, kLongest);
      for (std::size_t changes = 1 + below(3); changes > 0; --changes)
        now =
            LLVMFuzzerCustomMutator(input.data(), now, kLongest, static_cast<unsigned>(random_()));
      input.resize(now);
      return input;
    }
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(input);
    if (input.size() > kLongest) input.resize(kLongest);
    return input;
  }

 private:
  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }

  void change(Input& input) {
    const auto at = input.begin() + static_cast<std::ptrdiff_t>(below(input.size() + 1));
    const auto left = static_cast<std::size_t>(input.end() - at);
    const auto end = at + static_cast<std::ptrdiff_t>(below(std::min<std::size_t>(left, 64) + 1));
    static constexpr std::uint8_t kTelling[] = {0,   1,   127, 128, 255, '{', '}', '[', ']', '(',
                                                ')', '"', ',', ':', '<', '>', '-', '9', '\n'};
    switch (below(7)) {
      case 0:  // another byte
        if (left != 0) *at = static_cast<std::uint8_t>(random_());
        break;
      case 1:  // another bit
        if (left != 0) *at ^= static_cast<std::uint8_t>(1u << below(8));
        break;
      case 2:  // a byte with a meaning
        input.insert(at, kTelling[below(std::size(kTelling))]);
        break;
      case 3:
        input.erase(at, end);
        break;
      case 4: {  // the same piece again
        const Input piece(at, end);
        input.insert(at, piece.begin(), piece.end());
        break;
      }
      case 5:
        input.erase(at, input.end());
        break;
      case 6: {  // the end of another input
        const Input& other = corpus_[below(corpus_.size())];
        const auto from = other.begin() + static_cast<std::ptrdiff_t>(below(other.size() + 1));
        input.erase(at, input.end());
        input.insert(input.end(), from, other.end());
        break;
      }
    }
  }

  const std::vector<Input>& corpus_;
  std::mt19937_64 random_;
};

double environment(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtod(text, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<Input> corpus = read_corpus(argc, argv);
  if (corpus.empty()) {
    std::fprintf(stderr, "usage: %s CORPUS…, which holds at least one input\n", argv[0]);
    return 2;
  }
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM})
    std::signal(signal, save_current);

  const char* given = std::getenv("BITLOOM_FUZZ_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  const double seconds = environment("BITLOOM_FUZZ_SECONDS", 0.5);
  std::printf("%zu inputs, then %g s with BITLOOM_FUZZ_SEED=%llu\n", corpus.size(), seconds,
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);

  for (std::size_t i = 0; i < corpus.size(); ++i) {
    std::snprintf(current.path, sizeof current.path, "crash-corpus-%zu", i);
    run(corpus[i]);
  }
  Mutator mutator(corpus, seed);
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  unsigned long long runs = 0;
  for (; Clock::now() < end; ++runs) {
    std::snprintf(current.path, sizeof current.path, "crash-%llu-%llu",
                  static_cast<unsigned long long>(seed), runs);
    run(mutator.next());
  }
  std::printf("%llu runs\n", runs);
  return 0;
}
