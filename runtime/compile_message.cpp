#include "runtime/compile_message.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/cache/byte_stream.h"
#include "vm/text/printer.h"

namespace bitloom::runtime {
namespace {

constexpr std::int64_t kMostItems = 1 << 16;
constexpr std::uint64_t kMostMessage = std::uint64_t{1} << 32;

void write(const vm::Span& span, ByteWriter& out) {
  for (std::uint32_t part : {span.file, span.line, span.column, span.end_line, span.end_column})
    out.number(part);
}

vm::Span read_span(ByteReader& in) {
  vm::Span span;
  for (std::uint32_t* part :
       {&span.file, &span.line, &span.column, &span.end_line, &span.end_column})
    *part = static_cast<std::uint32_t>(in.number());
  return span;
}

void write(const vm::Diagnostic& diagnostic, ByteWriter& out) {
  out.number(diagnostic.severity == vm::Severity::Warning ? 1 : 0);
  out.text(diagnostic.code);
  write(diagnostic.span, out);
  out.text(diagnostic.message);
  out.number(diagnostic.notes.size());
  for (const vm::Note& note : diagnostic.notes) {
    write(note.span, out);
    out.text(note.text);
  }
  out.number(diagnostic.hints.size());
  for (const std::string& hint : diagnostic.hints) out.text(hint);
}

void read_diagnostic(ByteReader& in, vm::Diagnostics& diagnostics) {
  const bool warning = in.number() != 0;
  const std::string code(in.text());
  const vm::Span span = read_span(in);
  const std::string message(in.text());
  vm::Diagnostic& diagnostic =
      warning ? diagnostics.warning(code, span, message) : diagnostics.error(code, span, message);
  const std::int64_t notes = in.number(kMostItems);
  for (std::int64_t i = 0; i < notes && in.ok(); ++i) {
    const vm::Span where = read_span(in);
    diagnostic.note(where, std::string(in.text()));
  }
  const std::int64_t hints = in.number(kMostItems);
  for (std::int64_t i = 0; i < hints && in.ok(); ++i) diagnostic.hint(std::string(in.text()));
}

bool transfer_all(int socket, std::byte* bytes, std::size_t count, bool sending) {
  while (count > 0) {
    const ssize_t n =
        sending ? ::send(socket, bytes, count, MSG_NOSIGNAL) : ::read(socket, bytes, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    count -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

std::vector<std::byte> encode(const CompileJob& job, const Cache::Options& cache) {
  ByteWriter out;
  out.text(vm::print(*job.checked, {.spans = true}));
  out.text(vm::to_string(job.options.target));
  out.text(job.options.architecture);
  out.number(job.options.line_info ? 1 : 0);
  out.number(job.options.files.size());
  for (const std::string& file : job.options.files) out.text(file);
  out.text(cache.folder);
  out.number(cache.limit);
  return out.take();
}

std::optional<WorkerJob> decode_job(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  WorkerJob job;
  job.program = in.text();
  const auto target = vm::Target::parse(in.text());
  job.options.architecture = in.text();
  job.options.line_info = in.number() != 0;
  const std::int64_t files = in.number(kMostItems);
  for (std::int64_t i = 0; i < files && in.ok(); ++i) job.options.files.emplace_back(in.text());
  job.cache.folder = in.text();
  job.cache.limit = in.number();
  if (!in.at_end() || !target) return std::nullopt;
  job.options.target = *target;
  return job;
}

std::vector<std::byte> encode(const CompileOutcome& outcome) {
  ByteWriter out;
  out.number(outcome.kernel ? 1 : 0);
  out.block(outcome.kernel ? serialize(*outcome.kernel) : std::vector<std::byte>());
  out.number(outcome.diagnostics.all().size());
  for (const vm::Diagnostic& diagnostic : outcome.diagnostics.all()) write(diagnostic, out);
  out.number(outcome.trace.cached ? 1 : 0);
  return out.take();
}

std::optional<CompileOutcome> decode_outcome(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  CompileOutcome outcome;
  const bool done = in.number() != 0;
  const auto kernel = in.block();
  if (done) outcome.kernel = deserialize(kernel);
  const std::int64_t diagnostics = in.number(kMostItems);
  for (std::int64_t i = 0; i < diagnostics && in.ok(); ++i)
    read_diagnostic(in, outcome.diagnostics);
  outcome.trace.cached = in.number() != 0;
  if (!in.at_end() || done != outcome.kernel.has_value()) return std::nullopt;
  return outcome;
}

bool send_message(int socket, std::span<const std::byte> bytes) {
  std::uint64_t length = bytes.size();
  return transfer_all(socket, reinterpret_cast<std::byte*>(&length), sizeof length, true) &&
         transfer_all(socket, const_cast<std::byte*>(bytes.data()), bytes.size(), true);
}

std::optional<std::vector<std::byte>> receive_message(int socket) {
  std::uint64_t length = 0;
  if (!transfer_all(socket, reinterpret_cast<std::byte*>(&length), sizeof length, false) ||
      length > kMostMessage)
    return std::nullopt;
  std::vector<std::byte> bytes(static_cast<std::size_t>(length));
  if (!transfer_all(socket, bytes.data(), bytes.size(), false)) return std::nullopt;
  return bytes;
}

}  // namespace bitloom::runtime
