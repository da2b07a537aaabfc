s/barrier q_empty\[1\] count(2)/barrier q_empty[1] count(256)/
s/arrive(q_empty\[0\])/arrive(q_empty[0], per = thread)/
