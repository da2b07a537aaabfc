s/barrier full\[NW\] count(KW)/barrier full[NW] count(32 * KW)/
s/barrier empty\[NW\] count(1)/barrier empty[NW] count(32)/
s/arrive(full\[lane_n\])/arrive(full[lane_n], per = thread)/
s/arrive(empty\[lane_n\])/arrive(empty[lane_n], per = thread)/
