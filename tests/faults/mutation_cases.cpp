#include "tests/faults/mutation_cases.h"

#include <fmt/format.h>

namespace bitloom::test {
namespace {

runtime::Source integers(runtime::Shape shape, const std::vector<int>& values) {
  runtime::HostArray array = *runtime::HostArray::zeros(vm::kI32, std::move(shape));
  for (std::size_t i = 0; i < values.size(); ++i)
    array.set_code(i, static_cast<std::uint32_t>(values[i]));
  return {std::move(array), "the test"};
}

std::vector<int> rising(int count, int step) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(i % 70 * step);
  return numbers;
}

// Running counts of a mark every `each` places.
std::vector<int> steps(int count, int each) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back((i + each - 1) / each);
  return numbers;
}

// gemm_stream with tiles of one block each.
std::string split(int k, const std::string& more = {}) {
  return fmt::format(
      "sms=1 shape=m=3,k={},n=136,slots=4 set=NW=2 set=KW=4 set=U=64 arg=x=random arg=sums=random "
      "arg=w=random "
      "arg=scale=random arg=zero=random arg=part=zeros arg=ticket=zeros out=c{}",
      k, more);
}

// Tiles of one block and shared ones; the last warps have no rows.
std::vector<std::string> stream_runs(const std::string& more = {}) {
  return {
      "set=NW=2 set=KW=4 set=U=64 sms=1 shape=m=3,k=1152,n=296,slots=4 "
      "arg=x=random arg=sums=random "
      "arg=w=random arg=scale=random arg=zero=random arg=part=zeros "
      "arg=ticket=zeros out=c" +
          more,
      "set=NW=2 set=KW=4 set=U=64 sms=2 shape=m=3,k=640,n=136,slots=8 arg=x=random "
      "arg=sums=random "
      "arg=w=random arg=scale=random arg=zero=random arg=part=zeros "
      "arg=ticket=zeros out=c" +
          more,
      // The edge of k in each of the turns.
      split(128, more), split(384, more), split(640, more), split(896, more)};
}

// Two heads of two blocks of 128 rows, the last one not full. Lists as long as the ring is deep and
// longer, of one tile, and empty.
MutationCase attention() {
  MutationCase result{"attention/attention.bl",
                      "target=sm_90a set=D=64 set=S=3",
                      {"sms=1 shape=heads=2,kv_heads=1,rows=150,columns=150 arg=q=random "
                       "arg=k=random arg=v=random arg=scale=0.125 arg=window=20 arg=sink=5 "
                       "arg=ticket=zeros out=o out=lse",
                       "sms=2 shape=heads=2,kv_heads=1,rows=150,columns=150 arg=q=random "
                       "arg=k=random arg=v=random arg=scale=0.125 arg=window=20 arg=sink=5 "
                       "arg=ticket=zeros out=o out=lse"}};
  const int last = 128 * 4;
  const std::vector<int> list = {1, 0, 0, 0, last + 1, last + 2, 0};
  std::vector<int> place;
  for (const auto& [head, row] : {std::pair{0, 128}, {1, 0}, {0, 0}, {1, 128}})
    place.insert(place.end(), {head, row, 150, 0, 150, 0});
  result.arrays = {{"place", integers({4, 6}, place)},
                   {"first", integers({5}, {0, 5, 6, 6, 7})},
                   {"list", integers({7}, list)}};
  return result;
}

// Two heads of three blocks: pages with a window and without, and single positions, fewer than a
// tile and more.
MutationCase paged_lists() {
  MutationCase result{"llama/paged_attention.bl",
                      "set=T=f32 set=BM=32",
                      {"shape=m=70,heads=2,kv_heads=1,pages=3,slots=192 arg=q=random arg=k=random "
                       "arg=v=random arg=k_rows=random arg=v_rows=random arg=start=70 "
                       "arg=scale=0.125 out=o out=lse"}};
  std::vector<int> single;
  for (int i = 0; i < 72; ++i) single.push_back(i < 70 ? 64 + i : i);
  result.arrays = {{"table", integers({3}, {2, 0, 1})},
                   {"first", integers({7}, {0, 1, 2, 3, 4, 5, 5})},
                   {"list", integers({5}, {3, 64 * 4 + 3, 128 * 4 + 1, 1, 64 * 4 + 1})},
                   {"reach", integers({2, 2}, {50, 4, 0, 0})},
                   {"single_first", integers({7}, {0, 0, 2, 2, 70, 72, 72})},
                   {"single", integers({72}, single)}};
  return result;
}

// Two sequences, one behind the other: 70 rows that see 100 columns, and 40 that see 40. Every
// class of masks, and single columns.
MutationCase attention_tiles() {
  MutationCase result{"attention/attention_tiles.bl",
                      "set=T=f16 set=D=64 set=BM=32 set=BN=32 set=S=3",
                      {"shape=heads=2,kv_heads=1,rows=110,columns=140,items=4,entries=16 "
                       "arg=q=random arg=k=random arg=v=random arg=decay=random arg=scale=0.125 "
                       "arg=window=20 arg=sink=3 out=o out=lse"}};
  result.arrays = {
      {"place", integers({4, 6}, {0, 0,  70,  0,   100, 30, 1, 32, 70,  0,   100, 30,
                                  0, 70, 110, 100, 140, 30, 1, 96, 110, 100, 140, 30})},
      {"first", integers({5}, {0, 4, 9, 11, 16})},
      // A tile that passes the end of k comes first, second and later.
      {"list", integers({16}, {120 * 4 + 1, 3, 32 * 4, 60 * 4 + 1, 0, 120 * 4 + 1, 32 * 4 + 3,
                               64 * 4 + 3, 70 * 4 + 2, 100 * 4 + 1, 108 * 4 + 3, 5, 100 * 4 + 1,
                               120 * 4 + 1, 2 + 130 * 4, 1 + 110 * 4})},
      {"single_first", integers({5}, {0, 2, 35, 35, 36})},
      {"single",
       integers({36}, {92, 93, 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                       17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 97, 98, 101})}};
  return result;
}

// Pages in any order; a sequence that ends inside a page, one of whole pages, one without tokens.
MutationCase attention_decode() {
  MutationCase result{"attention/attention_decode.bl",
                      "kernel=attention_decode set=T=f16 set=D=64 set=P=32 set=S=3",
                      {"shape=sequences=3,heads=6,kv_heads=2,pages=9,most_pages=6,splits=2 "
                       "arg=q=random arg=k=random arg=v=random arg=scale=0.125 out=part out=lse",
                       "shape=sequences=3,heads=6,kv_heads=2,pages=9,most_pages=6,splits=1 "
                       "arg=q=random arg=k=random arg=v=random arg=scale=0.125 out=part out=lse"}};
  result.arrays = {
      {"table", integers({3, 6}, {4, 0, 8, 2, 1, 3, 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})},
      {"length", integers({3}, {170, 64, 0})}};
  return result;
}

// One head of three blocks, the last not full: the diagonals 0 and 70, the columns 3 to 5, 40
// and 99. Lists of 6 tiles and 5 columns.
MutationCase vertical_slash(const std::string& kernel, const std::string& outputs) {
  std::vector<int> offsets, columns;
  for (int i = 0; i <= 100; ++i) {
    offsets.push_back((i > 0) + (i > 70));
    columns.push_back((i > 3) + (i > 4) + (i > 5) + (i > 40) + (i > 99));
  }
  MutationCase result{
      "attention/patterns.bl",
      "kernel=" + kernel + " set=BM=32 set=BN=32 set=B=2",
      {"shape=heads=1,rows=100,blocks=4" +
       std::string(kernel == "list_vertical_slash" ? ",entries=6,singles=5 " : " ") + outputs}};
  result.arrays = {{"offsets", integers({1, 101}, offsets)},
                   {"columns", integers({1, 101}, columns)}};
  if (kernel == "list_vertical_slash") {
    result.arrays.emplace("first", integers({5}, {0, 1, 2, 4, 6}));
    result.arrays.emplace("single_first", integers({5}, {0, 0, 3, 4, 5}));
  }
  return result;
}

}  // namespace

std::vector<MutationCase> mutation_cases() {
  std::vector<MutationCase> cases = {
      {"vector_add/vector_add.bl", "set=T=f32", {"shape=n=1500 arg=a=random arg=b=random out=c"}},
      {"softmax/softmax.bl", "set=T=f32", {"shape=rows=3,n=1500 arg=x=random out=y"}},
      {"gemv/int8_gemv.bl",
       "",
       {"shape=m=2,n=20,words=300 arg=x=random arg=w=random arg=sx=random arg=sw=random out=y"}},
      {"layernorm/layernorm.bl",
       "set=T=f32",
       {"shape=rows=3,n=1500 arg=x=random arg=weight=random arg=bias=random arg=eps=0.001 out=y"}},
      {"quantize/quantize.bl",
       "set=T=f16 set=W=u4 set=G=32",
       {"shape=k=96,n=72 arg=x=random out=w out=scale out=zero"}},
      {"quantize/quantize.bl",
       "set=T=f16 set=W=i4 set=G=200",
       {"shape=k=200,n=72 arg=x=random out=w out=scale"}},
      {"kmeans/kmeans_assign.bl",
       "set=T=f16",
       {"shape=points=70,clusters=150 arg=x=random arg=centroid=random out=cluster arg=total=zeros "
        "arg=members=zeros"}},
      {"lut/lut_gemv.bl",
       "kernel=lut_gemv set=G=64 set=BN=64 set=C=8",
       {"shape=m=9,k=512,n=136,splits=2,tables=8 arg=x=random arg=code=random arg=table=random "
        "arg=part=zeros arg=ticket=zeros out=y",
        "shape=m=9,k=384,n=136,splits=1,tables=6 arg=x=random arg=code=random arg=table=random "
        "arg=part=zeros arg=ticket=zeros out=y"}},
      {"lqer/lqer_decode.bl",
       "set=W=i4 set=G=64",
       {"sms=1 shape=m=3,k=1152,n=296,parts=2,slots=4 arg=x=random arg=w=random "
        "arg=scale=random arg=left=random arg=right=random arg=low=zeros arg=t=zeros "
        "arg=ready=zeros arg=part=zeros arg=ticket=zeros out=y",
        "sms=2 shape=m=3,k=640,n=136,parts=3,slots=8 arg=x=random arg=w=random "
        "arg=scale=random arg=left=random arg=right=random arg=low=zeros arg=t=zeros "
        "arg=ready=zeros arg=part=zeros arg=ticket=zeros out=y",
        "sms=1 shape=m=3,k=2944,n=136,parts=2,slots=4 arg=x=random arg=w=random "
        "arg=scale=random arg=left=random arg=right=random arg=low=zeros arg=t=zeros "
        "arg=ready=zeros arg=part=zeros arg=ticket=zeros out=y",
        "sms=1 shape=m=3,k=128,n=296,parts=1,slots=4 arg=x=random arg=w=random "
        "arg=scale=random arg=left=random arg=right=random arg=low=zeros arg=t=zeros "
        "arg=ready=zeros arg=part=zeros arg=ticket=zeros out=y",
        "sms=1 shape=m=3,k=384,n=296,parts=1,slots=4 arg=x=random arg=w=random "
        "arg=scale=random arg=left=random arg=right=random arg=low=zeros arg=t=zeros "
        "arg=ready=zeros arg=part=zeros arg=ticket=zeros out=y",
        "sms=1 shape=m=3,k=896,n=296,parts=2,slots=4 arg=x=random arg=w=random "
        "arg=scale=random arg=left=random arg=right=random arg=low=zeros arg=t=zeros "
        "arg=ready=zeros arg=part=zeros arg=ticket=zeros out=y"}},
      {"lqer/lqer_gemm.bl",
       "kernel=lqer_gemm set=W=u4 set=G=64 set=BM=32 set=S=3",
       {"shape=m=37,k=448,n=136 arg=x=random arg=t=random arg=w=random arg=scale=random "
        "arg=zero=random arg=right=random out=y"}},
      {"lqer/lqer_gemm.bl",
       "kernel=lqer_project set=A=f16 set=S=3",
       {"shape=m=37,k=448 arg=x=random arg=left=random out=t"}},
      attention_tiles(),
      attention_decode(),
      {"attention/patterns.bl",
       "kernel=mean_pool set=T=f16 set=D=64",
       {"shape=heads=2,rows=100 arg=x=random out=mean"}},
      {"attention/patterns.bl",
       "kernel=block_scores set=D=64",
       {"shape=heads=2,kv_heads=1,blocks=70 arg=q=random arg=k=random out=score"}},
      {"attention/patterns.bl",
       "kernel=last_rows_mass set=T=f16 set=D=64",
       {"shape=heads=2,kv_heads=1,rows=170 arg=q=random arg=k=random arg=lse=random "
        "arg=scale=0.125 arg=slash=zeros out=vertical out=slash"}},
      {"attention/patterns.bl",
       "kernel=top_k_threshold set=B=256",
       {"shape=rows=2,n=600,most=40 arg=x=random arg=want=40 out=index out=count"}},
      {"attention/lists.bl",
       "kernel=mark_chosen set=B=64",
       {"shape=heads=2,most=70,columns=201 arg=forced=80 arg=mark=zeros"},
       {{"index", integers({2, 70}, rising(140, 2))}, {"count", integers({2}, {66, 3})}}},
      {"attention/lists.bl",
       "kernel=list_marked set=B=64",
       {"shape=heads=2,columns=101,most=20 out=place"},
       {{"sums", integers({2, 101}, steps(202, 7))}}},
      {"attention/lists.bl",
       "kernel=list_blocks set=BM=64 set=B=2",
       {"shape=items=4,most=3,entries=7 arg=rows=100 out=place out=list"},
       {{"index", integers({4, 3}, {0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0})},
        {"count", integers({4}, {1, 3, 1, 2})},
        {"first", integers({5}, {0, 1, 4, 5, 7})}}},
      {"attention/lists.bl",
       "kernel=cumulative_gates",
       {"shape=heads=2,rows=700 arg=log_gate=random out=decay"}},
      {"attention/lists.bl",
       "kernel=largest_row set=D=64",
       {"shape=heads=2,rows=100 arg=x=random arg=largest=zeros"}},
      {"attention/lists.bl",
       "kernel=count_decayed set=BM=32",
       {"shape=heads=2,kv_heads=1,rows=100,blocks=4 arg=decay=random arg=q=zeros arg=k=zeros "
        "arg=scale=1 arg=room=0.1 out=kept out=tiles"}},
      {"attention/lists.bl",
       "kernel=list_decayed set=BM=32 set=BN=32 set=B=2",
       {"shape=heads=1,blocks=4,entries=9 arg=rows=100 out=place out=list"},
       {{"kept", integers({1, 4}, {0, 0, 5, 37})}, {"first", integers({5}, {0, 1, 3, 6, 8})}}},
      {"attention/lists.bl",
       "kernel=count_a_shape set=BM=32",
       {"shape=heads=2,blocks=4 arg=rows=100 arg=sink=40 arg=window=50 out=tiles"}},
      {"attention/lists.bl",
       "kernel=list_a_shape set=BM=32 set=BN=32 set=B=2",
       {"shape=heads=1,blocks=4,entries=10 arg=rows=100 arg=sink=20 arg=window=30 out=place "
        "out=list"},
       {{"first", integers({5}, {0, 1, 3, 6, 9})}}},
      vertical_slash("count_vertical_slash", "out=tiles out=singles"),
      vertical_slash("list_vertical_slash", "out=place out=list out=single"),
      {"attention/attention_decode.bl",
       "kernel=attention_merge set=T=f16 set=P=f32 set=D=64 set=S=2",
       {"shape=parts=3,n=21 arg=part=random arg=part_lse=random out=o out=lse"}},
      {"sparse/sparse_gemv.bl",
       "set=T=f16",
       {"shape=k=1500,n=300 arg=x=random arg=w=random arg=threshold=1.0 arg=y=zeros"}},
      {"gemm/grouped_gemm.bl",
       "set=W=i4 set=S=3",
       {"sms=3 shape=groups=4,k=384,n=136,rows=40 arg=a=random arg=w=random arg=scale=random "
        "out=c",
        "sms=1 shape=groups=4,k=256,n=136,rows=40 arg=a=random arg=w=random arg=scale=random "
        "out=c"},
       {{"offset", integers({5}, {0, 5, 5, 38, 40})}}},
      {"gemm/dequantize.bl",
       "set=W=u4 set=G=64",
       {"shape=k=192,n=72 arg=w=random arg=scale=random out=out"}},
      {"gemm/gemm_wgmma.bl",
       "target=sm_90a set=W=u4 set=T=64 set=D=3",
       {"sms=1 shape=m=70,k=640,n=512 arg=a=random arg=w=random arg=scale=random out=c"}},
      {"gemm/gemm_wgmma.bl",
       "target=sm_90a set=W=u4 set=T=128 set=F=1 set=R=64 set=P=2 sms=2",
       {"shape=m=100,k=1280,n=256 arg=a=random arg=w=random arg=scale=random arg=part=zeros "
        "arg=ticket=zeros out=c out=ticket"}},
      attention()};
  for (const char* target : {"sm_80", "sm_90a"}) {
    const std::string on = std::string(" target=") + target;
    cases.push_back({"gemm/gemm.bl",
                     "set=W=u4 set=S=3" + on,
                     {"set=G=200 shape=m=17,k=200,n=136 arg=a=random arg=w=random "
                      "arg=scale=random arg=zero=random out=c",
                      // The edge of k in the first and in the second turn.
                      "set=G=40 shape=m=17,k=40,n=136 arg=a=random arg=w=random "
                      "arg=scale=random arg=zero=random out=c",
                      "set=G=100 shape=m=17,k=100,n=136 arg=a=random arg=w=random "
                      "arg=scale=random arg=zero=random out=c"}});
    cases.push_back({"gemm/gemm.bl",
                     "set=W=e2m1 set=G=64 set=S=2" + on,
                     {"shape=m=17,k=256,n=136 arg=a=random arg=w=random arg=scale=random out=c"}});
    cases.push_back({"gemm/gemm_stream.bl",
                     "kernel=order_activations set=W=u2" + on,
                     {"shape=m=3,k=1152 arg=a=random out=x out=sums"}});
    cases.push_back({"gemm/gemm_stream.bl", "kernel=gemm_stream set=W=u4" + on, stream_runs()});
    cases.push_back({"gemm/gemm_int8.bl",
                     "kernel=quantize_activations set=W=u4 set=R=1024" + on,
                     {"shape=m=3,k=1152 arg=a=random out=x out=sums out=token_scale"}});
    cases.push_back({"gemm/gemm_int8.bl", "kernel=gemm_int8 set=W=u4" + on,
                     stream_runs(" arg=token_scale=random")});
  }
  cases.push_back({"llama/embedding.bl",
                   "set=T=f16",
                   {"shape=m=3,h=300,vocabulary=7 arg=table=random out=y"},
                   {{"ids", integers({3}, {1, 6, 0})}}});
  cases.push_back({"llama/linear.bl",
                   "set=W=f16",
                   {"shape=m=70,k=21,n=70 arg=x=random arg=w=random arg=residual=random out=y"}});
  cases.push_back({"llama/next_token.bl",
                   "set=T=f32",
                   {"shape=m=2,n=1500 arg=logits=random arg=draw=random arg=temperature=0.7 "
                    "arg=min_p=0.01 out=token"}});
  cases.push_back({"llama/paged_attention.bl",
                   "set=T=f32",
                   {"shape=m=70,heads=2,kv_heads=1,pages=3 arg=q=random arg=k=random arg=v=random "
                    "arg=start=70 arg=scale=0.125 out=o"},
                   {{"table", integers({3}, {2, 0, 1})}}});
  cases.push_back(paged_lists());
  cases.push_back(
      {"llama/add.bl", "", {"shape=m=2,n=1500 arg=x=random arg=residual=random out=y"}});
  cases.push_back({"gemv/gemv.bl",
                   "set=X=f16 set=W=f16 set=BN=4 set=BK=256",
                   {"shape=m=2,k=600,n=10 arg=x=random arg=w=random arg=residual=random out=y"}});
  cases.push_back({"llama/prompt_masses.bl",
                   "kernel=mean_of_rows set=T=f32",
                   {"shape=m=70,heads=2 arg=q=random out=mean"}});
  cases.push_back({"llama/prompt_masses.bl",
                   "kernel=mean_of_pages set=T=f32",
                   {"shape=pages=3,kv_heads=2,blocks=3 arg=k=random arg=columns=140 out=mean"},
                   {{"table", integers({3}, {2, 0, 1})}}});
  cases.push_back({"llama/prompt_masses.bl",
                   "kernel=mean_scores",
                   {"shape=heads=2,kv_heads=1,row_blocks=3,blocks=67 arg=q=random arg=k=random "
                    "out=score"}});
  cases.push_back({"llama/prompt_masses.bl",
                   "kernel=prompt_masses set=T=f32",
                   {"shape=r=50,heads=2,kv_heads=1,pages=3,columns=140 arg=q=random arg=k=random "
                    "arg=start=90 arg=scale=0.125 arg=lse=random arg=slash=zeros out=vertical "
                    "out=slash out=share"},
                   {{"table", integers({3}, {2, 0, 1})}}});
  cases.push_back({"llama/quantized_linear.bl",
                   "set=W=u4 set=G=32",
                   {"shape=m=70,k=128,n=72 arg=x=random arg=w=random arg=scale=random "
                    "arg=zero=random arg=residual=random out=y",
                    // The last tile has one group where others have two.
                    "shape=m=3,k=96,n=72 arg=x=random arg=w=random arg=scale=random "
                    "arg=zero=random arg=residual=random out=y"}});
  cases.push_back({"llama/rms_norm.bl",
                   "set=W=f16",
                   {"shape=m=2,n=300 arg=x=random arg=weight=random arg=eps=0.001 out=y"}});
  cases.push_back({"llama/rope_cache.bl",
                   "set=T=f32",
                   {"shape=m=3,heads=2,kv_heads=1,positions=100,pages=2 arg=q=random arg=k=random "
                    "arg=v=random arg=cos=random arg=sin=random arg=start=63 arg=keys=zeros "
                    "arg=values=zeros out=q out=keys out=values"},
                   {{"table", integers({2}, {1, 0})}}});
  cases.push_back(
      {"llama/swiglu.bl", "set=T=f16", {"shape=m=2,n=1500 arg=gate=random arg=up=random out=y"}});
  cases.push_back({"llama/token_loss.bl",
                   "set=T=f32",
                   {"shape=m=2,n=1500 arg=logits=random out=loss"},
                   {{"target", integers({2}, {7, 1499})}}});
  cases.push_back({"quantize/quantize_codebook.bl",
                   "set=T=f16 set=G=32",
                   {"shape=k=128,n=72 arg=x=random arg=table=random out=w out=scale",
                    "shape=k=96,n=72 arg=x=random arg=table=random out=w out=scale"}});
  cases.push_back(
      {"measure/raw_read.bl", "set=U=2", {"sms=1 shape=n=20004 arg=data=random out=out"}});
  return cases;
}

const std::vector<Survivor>& survivors() {
  using enum Survivor::Because;
  static const std::string kAtoms =
      "a packed tensor holds whole atoms of 64 by 64, and a window that begins inside it ends "
      "inside its atoms; what pads them meets zeros or is never read";
  static const std::string kNextLaunch =
      "nobody reads the counter again before the next launch, which the end of this one orders";
  static const std::string kOwnBarrier =
      "the atomic access between the two has a barrier of the strand of its own";
  static const std::vector<Survivor> table = {
      {"quantize/quantize.bl", "clip 0 of store", "w[row + i * 64", Redundant, kAtoms},
      {"quantize/quantize.bl", "clip 1 of store", "w[row + i * 64", Redundant, kAtoms},
      {"quantize/quantize.bl", "clip 0 of store", "scale[block.y * R", Redundant,
       "G is 64 or more: the grid has one row of blocks a group, and k % G == 0"},
      {"kmeans/kmeans_assign.bl", "clip 0 of atomic", "atomic_add(", Redundant,
       "the index was found among the clusters that there are"},
      {"kmeans/kmeans_assign.bl", "clip 1 of atomic", "atomic_add(total", Redundant,
       "the window is the whole of the dimension"},
      {"kmeans/kmeans_assign.bl", "mask of atomic", "atomic_add(total", Redundant,
       "the points behind the last one were read as zeros, and adding zeros changes nothing"},
      {"kmeans/kmeans_assign.bl", "mask of atomic", "atomic_add(members", Semantic,
       "points that are not there would be counted"},
      {"lut/lut_gemv.bl", "clip 0 of load", "code[t * 64", Redundant, kAtoms},
      {"lut/lut_gemv.bl", "clip 1 of load", "code[t * 64", Redundant, kAtoms},
      {"lut/lut_gemv.bl", "clip 1 of load", "x[m0 +: M", Redundant, "k is a multiple of 64"},
      {"lut/lut_gemv.bl", "sync", "all += part", Redundant, kOwnBarrier},
      {"lut/lut_gemv.bl", "sync", "store_release(ticket", Redundant, kOwnBarrier},
      {"lut/lut_gemv.bl", "scope of store_release", "store_release(ticket", Redundant, kNextLaunch},
      {"lqer/lqer_decode.bl", "clip 1 of load", "product = dot(rows", Redundant,
       "k is a multiple of 64"},
      {"lqer/lqer_decode.bl", "order of atomic_fetch", "fetch_add(ready[2]", Redundant,
       "a block's last look at ready[1] is an acquire in front of it, and the stores of the block "
       "that comes last are releases"},
      {"lqer/lqer_decode.bl", "scope of store_release", "store_release(ready[0]", Redundant,
       kNextLaunch},
      {"lqer/lqer_decode.bl", "scope of store_release", "store_release(ready[1]", Redundant,
       kNextLaunch},
      {"lqer/lqer_decode.bl", "scope of store_release", "store_release(ready[2]", Redundant,
       kNextLaunch},
      {"lqer/lqer_decode.bl", "scope of store_release", "store_release(ticket", Redundant,
       kNextLaunch},
      {"attention/patterns.bl", "mask of atomic", "atomic_add(", Redundant,
       "diagonals that are not there have sums of 0, and adding zeros changes nothing"},
      {"sparse/sparse_gemv.bl", "clip 0 of gather", "gather(w[:, n0", Redundant,
       "the list holds rows of this block's part of k, and rows that are not live are row 0"},
      {"gemv/int8_gemv.bl", "clip 0 of load", "sx[block.y]", Redundant,
       "the grid has m blocks along y; of a single element that is not proved"},
      {"gemm/grouped_gemm.bl", "clip 0 of load", "offset[group", Redundant,
       "group is less than groups, and there is one offset more than groups"},
      {"gemm/grouped_gemm.bl", "clip 0 of copy_async", "wt[t] <- w[group", Redundant,
       "a group has k rows, a multiple of 64"},
      {"gemm/grouped_gemm.bl", "clip 0 of store", "store(c[first + row", Redundant,
       "the mask stops at the end of the group, which is no later"},
      {"gemm/gemm.bl", "clip 0 of copy_async", "wt[t] <- w[t * BK", Redundant, kAtoms},
      {"llama/embedding.bl", "clip 0 of load", "ids[block.y]", Redundant,
       "the grid has m blocks along y; of a single element that is not proved"},
      {"attention/lists.bl", "mask of atomic", "atomic_max(", Redundant,
       "who has nothing to mark would put a 0, which is no more than what stands there"},
      {"llama/prompt_masses.bl", "mask of atomic", "atomic_add(", Redundant,
       "diagonals that are not there have sums of 0, and adding zeros changes nothing"},
      {"llama/quantized_linear.bl", "clip 1 of load", "w[t * 64", Redundant, kAtoms},
      {"llama/quantized_linear.bl", "clip 0 of load", "w[t * 64", Redundant, kAtoms},
      {"llama/quantized_linear.bl", "clip 1 of load", "x[m0 +: BM, t * 64 + c * C", Redundant,
       "k is a multiple of the group size, 32 here: the first two of four steps have rows"},
      {"llama/rope_cache.bl", "clip 0 of load", "table[position / P]", Redundant,
       "the caller gives a page for every position; a missing one is out of bounds, which is "
       "found"},
      {"llama/rope_cache.bl", "sync", "cast<T>(low * c - high * s)", Redundant,
       "a thread writes over what it read itself and no other"},
      {"llama/token_loss.bl", "clip 0 of load", "target[r]", Redundant,
       "the grid has m blocks; of a single element that is not proved"},
      {"llama/token_loss.bl", "clip 0 of load", "logits[r, id", Redundant,
       "the line in front asserts that id is in the vocabulary"},
      {"quantize/quantize_codebook.bl", "clip 0 of load", "table[e]", Redundant,
       "e goes to the last entry but one"},
      {"quantize/quantize_codebook.bl", "clip 0 of store", "w[row + i", Redundant, kAtoms},
      {"quantize/quantize_codebook.bl", "clip 1 of store", "w[row + i", Redundant, kAtoms},
      {"measure/raw_read.bl", "clip 0 of store", "out[0]", Redundant, "out has one element"},
      {"gemm/dequantize.bl", "clip 1 of load", "w[k0 +: 64", Redundant, kAtoms},
      {"gemm/gemm_wgmma.bl", "scope of store_release", "store_release(ticket[tm", Redundant,
       kNextLaunch},
      {"gemm/gemm_stream.bl", "scope of store_release", "store_release(ticket[place]", Redundant,
       kNextLaunch},
      {"gemm/gemm_int8.bl", "scope of store_release", "store_release(ticket[place]", Redundant,
       kNextLaunch},
      {"attention/attention.bl", "order of atomic_fetch", "fetch_add(ticket[1]", Redundant,
       "a block has had the answer to its last ticket when it counts itself out, and the stores of "
       "the block that comes last are releases"},
      {"attention/attention.bl", "scope of store_release", "store_release(ticket", Redundant,
       kNextLaunch},
      {"attention/attention.bl", "sync", "every warp is done with Q", Redundant,
       "a warp's wait for a warpgroup product is one for all of it, reads of shared memory "
       "included; CUTLASS gives stages back on the same ground"},
  };
  return table;
}

}  // namespace bitloom::test
