// softmax T=f32 B=1024 for sm_80
#pragma nv_diag_suppress 177
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long s64;
typedef unsigned long long u64;
#define DI static __device__ __forceinline__
DI u32 add_f32(u32 x0, u32 x1) { u32 d; asm("add.rn.f32 %0,%1,%2;" : "=r"(d) : "r"(x0), "r"(x1)); return d; }
DI u32 div_f32(u32 x0, u32 x1) { u32 d; asm("div.rn.f32 %0,%1,%2;" : "=r"(d) : "r"(x0), "r"(x1)); return d; }
DI u32 ex2_approx_f32(u32 x0) { u32 d; asm("ex2.approx.f32 %0,%1;" : "=r"(d) : "r"(x0)); return d; }
DI u32 ld_global_4_if(u64 x0, u32 x1) { u32 d; asm volatile("{.reg .pred p; .reg .b32 t<1>; setp.ne.u32 p, %2, 0; mov.b32 t0, 0; @p ld.global.b32 t0, [%1]; mov.b32 %0, t0;}" : "=r"(d) : "l"(x0), "r"(x1)); return d; }
DI u32 ld_shared_4(u32 x0) { u32 d; asm volatile("ld.shared.b32 %0, [%1];" : "=r"(d) : "r"(x0)); return d; }
DI u32 max_f32(u32 x0, u32 x1) { u32 d; asm("max.f32 %0,%1,%2;" : "=r"(d) : "r"(x0), "r"(x1)); return d; }
DI u32 mul_f32(u32 x0, u32 x1) { u32 d; asm("mul.rn.f32 %0,%1,%2;" : "=r"(d) : "r"(x0), "r"(x1)); return d; }
template <int N1> DI u32 shuffle_xor(u32 x0) { u32 d; asm volatile("shfl.sync.bfly.b32 %0,%1,%2,0x1f,0xffffffff;" : "=r"(d) : "r"(x0), "n"(N1)); return d; }
DI void st_global_4_if(u64 x0, u32 x1, u32 x2) { asm volatile("{.reg .pred p; setp.ne.u32 p, %2, 0; @p st.global.b32 [%0], %1;}" :  : "l"(x0), "r"(x1), "r"(x2) : "memory"); }
DI void st_shared_4(u32 x0, u32 x1) { asm volatile("st.shared.b32 [%0], %1;" :  : "r"(x0), "r"(x1) : "memory"); }
DI u32 sub_f32(u32 x0, u32 x1) { u32 d; asm("sub.rn.f32 %0,%1,%2;" : "=r"(d) : "r"(x0), "r"(x1)); return d; }
DI void sync_block() { asm volatile("bar.sync 0;" :  :  : "memory"); }
extern "C" __global__ void __launch_bounds__(256, 1) softmax(
    unsigned char* x_2,
    unsigned char* y_3,
    const s64 rows_0,
    const s64 n_1) {
  extern __shared__ __align__(1024) unsigned char shared[];
  const u32 sm = (u32)__cvta_generic_to_shared(shared);
  constexpr u32 scratch_block = 0, scratch_bytes_block = 32;
  const u32 tid = threadIdx.x;
  const int block_x_4 = (int)blockIdx.x;
  const int n_10 = (int)max(min(n_1, 2147483647ll), -2147483648ll);
  const u32 at0_ = tid;
  u32 column_5[4];
  column_5[0] = at0_;
  column_5[1] = at0_ + 256;
  column_5[2] = at0_ + 512;
  column_5[3] = at0_ + 768;
  u32 top_7[1];
  top_7[0] = 0xff800000u;
  u32 total_9[1];
  total_9[0] = 0u;
  const int v_12 = (int)((u32)n_10 + 1023u);
  const int v_14 = (int)(v_12 / (int)1024u);
  #pragma unroll 1
  for (int t_17 = (int)0u; t_17 < v_14; t_17 += 1) {
    const int v_19 = (int)((u32)t_17 * 1024u);
    const int v_20 = (int)((u32)n_10 - (u32)v_19);
    const u32 all1_ = (u32)v_20;
    bool v_22[4];
    v_22[0] = (int)column_5[0] < (int)all1_;
    v_22[1] = (int)column_5[1] < (int)all1_;
    v_22[2] = (int)column_5[2] < (int)all1_;
    v_22[3] = (int)column_5[3] < (int)all1_;
    const s64 v_25 = (s64)block_x_4;
    const s64 v_26 = (s64)v_19;
    const s64 x2_ = (s64)v_25;
    const s64 x3_ = (s64)v_26 + (s64)tid;
    const u64 p4_ = (u64)x_2 + (u64)(x2_ * n_1 + x3_) * 4;
    u32 v_28[4];
    const bool in5_ = (u64)(x2_) < (u64)rows_0;
    const bool in6_ = (u64)(x3_) < (u64)n_1;
    v_28[0] = ld_global_4_if(p4_, in5_ && in6_);
    const bool in7_ = (u64)(x3_ + 256) < (u64)n_1;
    v_28[1] = ld_global_4_if(p4_ + 1024, in5_ && in7_);
    const bool in8_ = (u64)(x3_ + 512) < (u64)n_1;
    v_28[2] = ld_global_4_if(p4_ + 2048, in5_ && in8_);
    const bool in9_ = (u64)(x3_ + 768) < (u64)n_1;
    v_28[3] = ld_global_4_if(p4_ + 3072, in5_ && in9_);
    u32 v_30[4];
    v_30[0] = (v_22[0] ? v_28[0] : 0xff800000u);
    v_30[1] = (v_22[1] ? v_28[1] : 0xff800000u);
    v_30[2] = (v_22[2] ? v_28[2] : 0xff800000u);
    v_30[3] = (v_22[3] ? v_28[3] : 0xff800000u);
    u32 f10_ = v_30[0];
    f10_ = max_f32(f10_, v_30[1]);
    f10_ = max_f32(f10_, v_30[2]);
    f10_ = max_f32(f10_, v_30[3]);
    const u32 g11_ = shuffle_xor<1>(f10_);
    f10_ = max_f32(f10_, g11_);
    const u32 g12_ = shuffle_xor<2>(f10_);
    f10_ = max_f32(f10_, g12_);
    const u32 g13_ = shuffle_xor<4>(f10_);
    f10_ = max_f32(f10_, g13_);
    const u32 g14_ = shuffle_xor<8>(f10_);
    f10_ = max_f32(f10_, g14_);
    const u32 g15_ = shuffle_xor<16>(f10_);
    f10_ = max_f32(f10_, g15_);
    sync_block();
    const u32 part16_ = (tid >> 5);
    if ((tid & 31u) == 0) {
      const u32 s17_ = (sm + scratch_block) + (u32)part16_ * 4;
      st_shared_4(s17_, f10_);
    }
    sync_block();
    {
      const u32 s18_ = (sm + scratch_block) + (u32)0u * 4;
      const u32 w19_ = ld_shared_4(s18_);
      f10_ = w19_;
    }
    #pragma unroll
    for (u32 i20_ = 1; i20_ < 8; ++i20_) {
      const u32 s21_ = (sm + scratch_block) + (u32)i20_ * 4;
      const u32 w22_ = ld_shared_4(s21_);
      f10_ = max_f32(f10_, w22_);
    }
    u32 part23_[1];
    part23_[0] = f10_;
    u32 next_32[1];
    next_32[0] = max_f32(top_7[0], part23_[0]);
    u32 v_33[1];
    v_33[0] = sub_f32(top_7[0], next_32[0]);
    u32 v_35[1];
    v_35[0] = mul_f32(v_33[0], 0x3fb8aa3bu);
    u32 v_36[1];
    v_36[0] = ex2_approx_f32(v_35[0]);
    u32 v_37[1];
    v_37[0] = mul_f32(total_9[0], v_36[0]);
    u32 v_38[4];
    v_38[0] = next_32[0];
    v_38[1] = next_32[0];
    v_38[2] = next_32[0];
    v_38[3] = next_32[0];
    u32 v_39[4];
    v_39[0] = sub_f32(v_30[0], v_38[0]);
    v_39[1] = sub_f32(v_30[1], v_38[1]);
    v_39[2] = sub_f32(v_30[2], v_38[2]);
    v_39[3] = sub_f32(v_30[3], v_38[3]);
    u32 v_41[4];
    v_41[0] = mul_f32(v_39[0], 0x3fb8aa3bu);
    v_41[1] = mul_f32(v_39[1], 0x3fb8aa3bu);
    v_41[2] = mul_f32(v_39[2], 0x3fb8aa3bu);
    v_41[3] = mul_f32(v_39[3], 0x3fb8aa3bu);
    u32 v_42[4];
    v_42[0] = ex2_approx_f32(v_41[0]);
    v_42[1] = ex2_approx_f32(v_41[1]);
    v_42[2] = ex2_approx_f32(v_41[2]);
    v_42[3] = ex2_approx_f32(v_41[3]);
    u32 f24_ = v_42[0];
    f24_ = add_f32(f24_, v_42[1]);
    f24_ = add_f32(f24_, v_42[2]);
    f24_ = add_f32(f24_, v_42[3]);
    const u32 g25_ = shuffle_xor<1>(f24_);
    f24_ = add_f32(f24_, g25_);
    const u32 g26_ = shuffle_xor<2>(f24_);
    f24_ = add_f32(f24_, g26_);
    const u32 g27_ = shuffle_xor<4>(f24_);
    f24_ = add_f32(f24_, g27_);
    const u32 g28_ = shuffle_xor<8>(f24_);
    f24_ = add_f32(f24_, g28_);
    const u32 g29_ = shuffle_xor<16>(f24_);
    f24_ = add_f32(f24_, g29_);
    sync_block();
    const u32 part30_ = (tid >> 5);
    if ((tid & 31u) == 0) {
      const u32 s31_ = (sm + scratch_block) + (u32)part30_ * 4;
      st_shared_4(s31_, f24_);
    }
    sync_block();
    {
      const u32 s32_ = (sm + scratch_block) + (u32)0u * 4;
      const u32 w33_ = ld_shared_4(s32_);
      f24_ = w33_;
    }
    #pragma unroll
    for (u32 i34_ = 1; i34_ < 8; ++i34_) {
      const u32 s35_ = (sm + scratch_block) + (u32)i34_ * 4;
      const u32 w36_ = ld_shared_4(s35_);
      f24_ = add_f32(f24_, w36_);
    }
    u32 part37_[1];
    part37_[0] = f24_;
    u32 v_44[1];
    v_44[0] = add_f32(v_37[0], part37_[0]);
    total_9[0] = v_44[0];
    top_7[0] = next_32[0];
  }
  u32 scale_46[1];
  scale_46[0] = div_f32(0x3f800000u, total_9[0]);
  #pragma unroll 1
  for (int t_53 = (int)0u; t_53 < v_14; t_53 += 1) {
    const int v_55 = (int)((u32)t_53 * 1024u);
    const s64 v_56 = (s64)block_x_4;
    const s64 v_57 = (s64)v_55;
    const s64 x38_ = (s64)v_56;
    const s64 x39_ = (s64)v_57 + (s64)tid;
    const u64 p40_ = (u64)x_2 + (u64)(x38_ * n_1 + x39_) * 4;
    u32 v_59[4];
    const bool in41_ = (u64)(x38_) < (u64)rows_0;
    const bool in42_ = (u64)(x39_) < (u64)n_1;
    v_59[0] = ld_global_4_if(p40_, in41_ && in42_);
    const bool in43_ = (u64)(x39_ + 256) < (u64)n_1;
    v_59[1] = ld_global_4_if(p40_ + 1024, in41_ && in43_);
    const bool in44_ = (u64)(x39_ + 512) < (u64)n_1;
    v_59[2] = ld_global_4_if(p40_ + 2048, in41_ && in44_);
    const bool in45_ = (u64)(x39_ + 768) < (u64)n_1;
    v_59[3] = ld_global_4_if(p40_ + 3072, in41_ && in45_);
    u32 v_64[4];
    v_64[0] = top_7[0];
    v_64[1] = top_7[0];
    v_64[2] = top_7[0];
    v_64[3] = top_7[0];
    u32 v_65[4];
    v_65[0] = sub_f32(v_59[0], v_64[0]);
    v_65[1] = sub_f32(v_59[1], v_64[1]);
    v_65[2] = sub_f32(v_59[2], v_64[2]);
    v_65[3] = sub_f32(v_59[3], v_64[3]);
    u32 v_67[4];
    v_67[0] = mul_f32(v_65[0], 0x3fb8aa3bu);
    v_67[1] = mul_f32(v_65[1], 0x3fb8aa3bu);
    v_67[2] = mul_f32(v_65[2], 0x3fb8aa3bu);
    v_67[3] = mul_f32(v_65[3], 0x3fb8aa3bu);
    u32 v_68[4];
    v_68[0] = ex2_approx_f32(v_67[0]);
    v_68[1] = ex2_approx_f32(v_67[1]);
    v_68[2] = ex2_approx_f32(v_67[2]);
    v_68[3] = ex2_approx_f32(v_67[3]);
    u32 v_69[4];
    v_69[0] = scale_46[0];
    v_69[1] = scale_46[0];
    v_69[2] = scale_46[0];
    v_69[3] = scale_46[0];
    u32 v_70[4];
    v_70[0] = mul_f32(v_68[0], v_69[0]);
    v_70[1] = mul_f32(v_68[1], v_69[1]);
    v_70[2] = mul_f32(v_68[2], v_69[2]);
    v_70[3] = mul_f32(v_68[3], v_69[3]);
    const s64 x46_ = (s64)v_56;
    const s64 x47_ = (s64)v_57 + (s64)tid;
    const u64 p48_ = (u64)y_3 + (u64)(x46_ * n_1 + x47_) * 4;
    const bool in49_ = (u64)(x46_) < (u64)rows_0;
    const bool in50_ = (u64)(x47_) < (u64)n_1;
    st_global_4_if(p48_, v_70[0], in49_ && in50_);
    const bool in51_ = (u64)(x47_ + 256) < (u64)n_1;
    st_global_4_if(p48_ + 1024, v_70[1], in49_ && in51_);
    const bool in52_ = (u64)(x47_ + 512) < (u64)n_1;
    st_global_4_if(p48_ + 2048, v_70[2], in49_ && in52_);
    const bool in53_ = (u64)(x47_ + 768) < (u64)n_1;
    st_global_4_if(p48_ + 3072, v_70[3], in49_ && in53_);
  }
}
