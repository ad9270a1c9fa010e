/* The commit protocol as it is built, for SPIN: one lead table, one follower, and the writers of one sink.
 * README.md says what is modelled, and which C function each step stands for.
 *
 * The topic has RECORDS0 records in partition 0 and RECORDS1 in partition 1.  A record is a bit of a mask, partition 0 first.
 * Every epoch divides its records anew into rows (for the lead) and letters (for the follower), in one of two ways that are
 * each other's complement, so that a record can always have another side with the next writer.
 *
 * Snapshots have no ids.  lead_fresh[w] says that no snapshot has come into the lead and nobody has moved its head since writer
 * w loaded it, which is what assert-ref-snapshot-id can tell; follower_fresh[w] the same for the follower.  While a load is
 * fresh, what it showed is what the table has; once it is not, nothing that was built from it is accepted.  So a load needs no
 * copy of what it saw, but for what is used when it may be stale: the pending epoch, and where the source is sought. */

/* Catalogs, policies. */
#define ORDERED 0
#define ATOMIC  1                       /* both tables in one request */
#define TORN    2                       /* says that it is atomic, and may lose one table's part of a request */
#define STOP     0
#define REWIND   1
#define CONTINUE 2
#define SKIP     1
#ifndef MISTAKE
#define MISTAKE 0
#endif

/* The configuration: constants, which with -DCHOSEN are read from the environment, so that one verifier does for all. */
#ifdef SHORTEST                         /* the breadth-first search, which knows no hidden variables */
#define CONSTANT byte
#define PLACE(name) &now.name
#else
#define CONSTANT hidden byte
#define PLACE(name) &name
#endif
CONSTANT writers = 2;
CONSTANT records0 = 1;
CONSTANT records1 = 1;
CONSTANT held = 1;                   /* requests that the network may hold, for each table: 0 to 2 */
CONSTANT catalog = ORDERED;
CONSTANT max_tears = 1;
CONSTANT max_rollbacks = 0;          /* of the lead, by others */
CONSTANT on_rollback = STOP;
CONSTANT restore = 0;                /* a copy of the lead's metadata is put back: 1 while no writer runs, 2 at any time */
CONSTANT retention = 0;              /* records of partition 0 that the log may drop */
CONSTANT on_gap = STOP;
CONSTANT late = 0;                   /* partition 1 is younger than the first epoch */
CONSTANT recreated = 0;              /* the lead is new; the follower remembers epoch 3 of the one before */
CONSTANT files = 0;                  /* data files are followed too */
CONSTANT calm_comes = 0;             /* the faults stop one day: then nobody may be stuck */
CONSTANT mistake = MISTAKE;          /* README.md lists them */
#define FOREIGN (!calm)                 /* faults and strangers are possible */

#ifdef CHOSEN
c_decl {
static void choose(const char *name, unsigned char *out) {
    const char *text = getenv(name);
    if (text) {
        *out = (unsigned char)atoi(text);
    }
}
};
inline read_configuration() {
    c_code {
        choose("WRITERS", PLACE(writers)); choose("RECORDS0", PLACE(records0)); choose("RECORDS1", PLACE(records1));
        choose("HELD", PLACE(held));
        choose("CATALOG", PLACE(catalog)); choose("TEARS", PLACE(max_tears)); choose("ROLLBACKS", PLACE(max_rollbacks));
        choose("ON_ROLLBACK", PLACE(on_rollback)); choose("RESTORE", PLACE(restore)); choose("RETENTION", PLACE(retention));
        choose("ON_GAP", PLACE(on_gap)); choose("LATE", PLACE(late)); choose("RECREATED", PLACE(recreated));
        choose("FILES", PLACE(files));
        choose("CALM", PLACE(calm_comes)); choose("MISTAKE", PLACE(mistake));
    }
}
#else
inline read_configuration() { skip }
#endif

#define SPAN(f, t)    ((1 << (t)) - (1 << (f)))
#define BELOW(a, b)   (SPAN(0, a) | (SPAN(0, b) << records0))
#define ALL           BELOW(records0, records1)
#define PAST_MAX 10

mtype = { REFRESH, START, RECONCILE, NEXT, LOAD, FOLLOW, FOLLOW_SEND, PREPARE, SEND, AFTER, DONE, END, HALT,
          OK, CONFLICT, UNKNOWN, NONE,
          EPOCH, FIRST, GAP, ROLLBACK, AHEAD };

/* The lead: its properties, and the rows on its branch. */
bit has_position, has1;                 /* has1: the position has partition 1 */
byte at0, at1, epoch;                   /* icesink.position */
byte pending_epoch, pending;            /* icesink.pending: the letters stand for the manifest */
byte rows;
/* The follower: icesink.epoch, and its rows. */
byte taken;
byte letters;
/* What no table has to have: before the start, dropped by the log and skipped, rolled back and given up. */
byte skipped;
byte start1;
byte log0;                              /* where partition 0 of the log begins */
byte rewound;                           /* the last correction that gave epochs back; older letters come again */

bit lead_fresh[3], follower_fresh[3];

/* The snapshots of the sink on the lead's branch: depth of them now, and up to top where the position's snapshot is. */
typedef Past { bit has1, rewind; byte at0, at1, rows, skipped };
Past past[PAST_MAX];
byte depth, top;
byte rollbacks, tears;                  /* still to come */
bit restored;
bit idle[3];                            /* restore: writer w does not run */
#define ROLLED_BACK (depth < top)

/* Requests that the network holds. */
typedef Lead_request { bit on, valid, has1; byte depth, at0, at1, number, rows, letters, owner; mtype kind };
typedef Follower_request { bit on; byte number, letters };
Lead_request to_lead[2];
Follower_request to_follower[2];

typedef Copy { bit there, has_position, has1; byte at0, at1, epoch, pending_epoch, pending, rows, skipped };
Copy copy;

bit newest[3], landed[3];               /* files: writer w's epoch is the lead's newest snapshot; is in the lead */
bit calm;
bit held_removal;                       /* mistake 16 */
byte slot;                              /* scratch, 0 between steps */

#define PENDING (taken < pending_epoch -> pending : 0)

/* The promise: of what lies below the position every record is in just one place. */
inline check() {
    if
    :: !has_position || ROLLED_BACK     /* of a rolled back lead the next correction has to say what is lost */
    :: has_position && !ROLLED_BACK ->
        assert((rows & letters) == 0 && (rows & PENDING) == 0 && (letters & PENDING) == 0);
        assert((skipped & (rows | PENDING)) == 0);
        assert((rows | PENDING | skipped | (letters & BELOW(at0, at1))) == BELOW(at0, at1));
        assert(catalog == TORN || restore || (letters & ~BELOW(at0, at1)) == 0)
    fi
}

inline forget_lead_request(s) {
    d_step { to_lead[s].on = 0; to_lead[s].valid = 0; to_lead[s].has1 = 0; to_lead[s].depth = 0; to_lead[s].at0 = 0;
        to_lead[s].at1 = 0; to_lead[s].number = 0; to_lead[s].rows = 0; to_lead[s].letters = 0; to_lead[s].owner = 0;
        to_lead[s].kind = 0 }
}
inline forget_follower_request(s) {
    d_step { to_follower[s].on = 0; to_follower[s].number = 0; to_follower[s].letters = 0 }
}
inline lead_unfresh() { lead_fresh[0] = 0; lead_fresh[1] = 0; lead_fresh[2] = 0 }
inline drop_lead_requests() {
    if
    :: mistake == 13 -> to_lead[0].valid = 0; to_lead[1].valid = 0
    :: else -> forget_lead_request(0); forget_lead_request(1)
    fi
}
/* A new snapshot in a table.  What asserts an older head is refused from now on, after a rollback too: the catalog demands
 * that sequence numbers grow. */
inline lead_moved() {
    lead_unfresh(); drop_lead_requests();
    newest[0] = 0; newest[1] = 0; newest[2] = 0
}
inline follower_moved() {
    follower_fresh[0] = 0; follower_fresh[1] = 0; follower_fresh[2] = 0;
    if :: catalog != ORDERED -> drop_lead_requests() :: else fi;
    if :: mistake == 9 :: else -> forget_follower_request(0); forget_follower_request(1) fi
}

inline forget_past(from) {
    slot = from;
    do
    :: slot < PAST_MAX -> past[slot].has1 = 0; past[slot].rewind = 0; past[slot].at0 = 0; past[slot].at1 = 0;
        past[slot].rows = 0; past[slot].skipped = 0; slot++
    :: else -> break
    od;
    slot = 0
}
/* The rows are those of the branch. */
inline rows_of_branch() {
    if
    :: depth > 0 -> rows = past[depth - 1].rows; skipped = past[depth - 1].skipped | (has1 -> SPAN(0, start1) << records0 : 0)
    :: depth == 0 -> rows = 0; skipped = past[0].skipped & BELOW(past[0].at0, 0) | (has1 -> SPAN(0, start1) << records0 : 0)
    fi
}

/* The lead takes a request: its snapshot, with the properties of it. */
inline lead_takes(kind_, to0_, to1_, to_has1_, number_, rows_, letters_, owner_) {
    printf("   LEAD takes epoch %d, ", number_); printm(kind_);
    printf(", at position (%d,%d): rows %d, letters %d\n", at0, at1, rows_, letters_);
    if
    :: kind_ == FIRST -> assert(!has_position); has_position = 1; at0 = to0_; skipped = SPAN(0, to0_);
        has1 = !late
    :: kind_ == EPOCH ->
        if :: ROLLED_BACK -> rows_of_branch() :: else fi;
        if :: to_has1_ && !has1 -> start1 = 0 :: else fi;
        assert((rows_ & (rows | letters | skipped | PENDING)) == 0);        /* no record twice */
        assert((letters_ & (rows | skipped | PENDING | (number_ > taken -> letters : 0))) == 0);
        rows = rows | rows_; at0 = to0_; at1 = to1_; has1 = to_has1_
    :: kind_ == GAP ->
        assert(to0_ <= log0);
        skipped = skipped | (SPAN(at0, (to0_ > at0 -> to0_ : at0)) & ~BELOW(at0, 0)); at0 = to0_
    :: kind_ == ROLLBACK && on_rollback == REWIND ->
        rows_of_branch();
        if
        :: depth > 0 -> at0 = past[depth - 1].at0; at1 = (past[depth - 1].has1 -> past[depth - 1].at1 : start1)
        :: depth == 0 -> at0 = past[0].at0; at1 = past[0].at1
        fi;
        letters = letters & BELOW(at0, at1); rewound = number_
    :: kind_ == ROLLBACK && on_rollback == CONTINUE ->
        slot = rows | skipped; rows_of_branch(); skipped = slot & ~rows; slot = 0
    :: kind_ == AHEAD -> letters = letters & BELOW(at0, at1); rewound = number_
    fi;
    if
    :: mistake == 4 || mistake == 17
    :: else ->
        assert(kind_ == ROLLBACK && on_rollback == REWIND || PENDING == 0);  /* at most one epoch is pending */
        pending = letters_; pending_epoch = (letters_ -> number_ : 0)
    fi;
    epoch = number_;
    if
    :: max_rollbacks && (rollbacks > 0) ->
        forget_past(depth); past[depth].has1 = has1; past[depth].at0 = at0; past[depth].at1 = at1; past[depth].rows = rows;
        past[depth].skipped = skipped; past[depth].rewind = (kind_ == ROLLBACK || kind_ == AHEAD); depth++; top = depth
    :: max_rollbacks && rollbacks == 0 -> forget_past(0); depth = 0; top = 0    /* no longer used: fewer states */
    :: else
    fi;
    if
    :: mistake == 7 && rows_ == 0 && kind_ == EPOCH         /* a commit of properties: the head stays */
    :: else -> lead_moved()
    fi;
    if :: files && kind_ == EPOCH && owner_ < 3 -> landed[owner_] = 1; newest[owner_] = 1 :: else fi
}
inline follower_takes(number_, letters_) {
    printf("   FOLLOWER takes epoch %d: letters %d\n", number_, letters_);
    if
    :: number_ >= rewound -> assert((letters_ & (rows | letters)) == 0); letters = letters | letters_
    :: else                             /* of an epoch that was given back: they come again, which is documented */
    fi;
    taken = number_;
    follower_moved()
}
/* What one request has for both tables, on a catalog that decides them as one, or says so. */
inline both_take(kind_, to0_, to1_, to_has1_, number_, rows_, letters_, owner_) {
    if
    :: catalog == ORDERED || letters_ == 0 -> lead_takes(kind_, to0_, to1_, to_has1_, number_, rows_, letters_, owner_)
    :: catalog != ORDERED && letters_ -> lead_takes(kind_, to0_, to1_, to_has1_, number_, rows_, letters_, owner_);
        follower_takes(number_, letters_)
    :: catalog == TORN && letters_ && tears > 0 && FOREIGN -> tears--;
        lead_takes(kind_, to0_, to1_, to_has1_, number_, rows_, letters_, owner_);
        printf("   the catalog loses the follower's part\n")
    :: catalog == TORN && letters_ && tears > 0 && FOREIGN -> tears--; follower_takes(number_, letters_);
        printf("   the catalog loses the lead's part\n")
    fi;
    check()
}

/* The heads that writer w's request asserts are still the heads. */
#define ASSERTED (lead_fresh[w] && (catalog == ORDERED || follower_fresh[w] || (mistake == 18 && e_letters == 0)))
#define SLOT_FREE(q) (held > 0 && !q[0].on || held > 1 && !q[1].on)

inline send_lead() {
    if
    :: ASSERTED -> both_take(kind, to0, to1, to_has1, number, e_rows, e_letters, w);
        if :: reply = OK :: FOREIGN -> reply = UNKNOWN fi
    :: !ASSERTED -> if :: reply = CONFLICT :: FOREIGN -> reply = UNKNOWN fi
    :: FOREIGN -> reply = UNKNOWN; printf("W%d: the request to the lead is lost\n", w)
    :: FOREIGN && ASSERTED && SLOT_FREE(to_lead) ->
        reply = UNKNOWN; printf("W%d: the request to the lead is held\n", w);
        slot = to_lead[0].on;
        to_lead[slot].on = 1; to_lead[slot].valid = 1; to_lead[slot].kind = kind; to_lead[slot].has1 = to_has1;
        to_lead[slot].depth = depth; to_lead[slot].at0 = to0; to_lead[slot].at1 = to1; to_lead[slot].number = number;
        to_lead[slot].rows = e_rows; to_lead[slot].letters = e_letters; to_lead[slot].owner = (files -> w : 3);
        slot = 0
    fi
}
inline send_follower() {
    if
    :: follower_fresh[w] || mistake == 9 -> follower_takes(p_epoch, p_letters); check();
        if :: reply = OK :: FOREIGN -> reply = UNKNOWN fi
    :: !follower_fresh[w] && mistake != 9 -> if :: reply = CONFLICT :: FOREIGN -> reply = UNKNOWN fi
    :: FOREIGN -> reply = UNKNOWN; printf("W%d: the request to the follower is lost\n", w)
    :: FOREIGN && follower_fresh[w] && SLOT_FREE(to_follower) ->
        reply = UNKNOWN; printf("W%d: the request to the follower is held\n", w);
        slot = to_follower[0].on;
        to_follower[slot].on = 1; to_follower[slot].number = p_epoch; to_follower[slot].letters = p_letters; slot = 0
    fi
}

/* Right only where the files are in no table and cannot come into one. */
inline delete_files() {
    if
    :: files ->
        printf("W%d: deletes the epoch's files\n", w);
        assert(!landed[w]);
        assert(!(to_lead[0].on && to_lead[0].owner == w) && !(to_lead[1].on && to_lead[1].owner == w))
    :: else
    fi
}
inline forget_epoch() {
    landed[w] = 0; newest[w] = 0; lead_fresh[w] = 0; follower_fresh[w] = 0; unknown = 0; again = 0; number = 0; kind = NONE;
    if :: to_lead[0].on && to_lead[0].owner == w -> to_lead[0].owner = 3 :: else fi;
    if :: to_lead[1].on && to_lead[1].owner == w -> to_lead[1].owner = 3 :: else fi;
    e0 = 0; e1 = 0; e_rows = 0; e_letters = 0; p_epoch = 0; p_letters = 0; then = NONE
}
inline begin_again() { forget_epoch(); b0 = 0; b1 = 0; known1 = 0; view0 = 0; idle[w] = (restore > 0); step = REFRESH }

/* Position against ranges; a partition of which the epoch has nothing is not compared. */
#define ENDS0   (e0 == b0 || at0 == e0)
#define ENDS1   (e1 == b1 || (has1 && at1 == e1))
#define STARTS0 (e0 == b0 || at0 == b0)
#define STARTS1 (e1 == b1 || (has1 -> (known1 && at1 == b1) : !known1) || (mistake == 26 && !known1))
#define AT_ENDS   (kind == FIRST -> has_position : (ENDS0 && ENDS1))
#define AT_STARTS (kind == FIRST -> !has_position : (STARTS0 && STARTS1))
#define BLIND (mistake == 1 || (mistake == 2 && unknown) || (mistake == 3 && unknown && !newest[w]) || \
               (mistake == 24 && kind == FIRST))
/* A correction that puts right what was lost, and the first epoch of a lead that was recreated, are numbered above followers. */
#define MAY_BE_AHEAD (kind == ROLLBACK || kind == AHEAD || (recreated && !has_position))

proctype Writer(byte w) {
    byte b0, b1;                        /* where the open epoch began */
    bit known1;                         /* the position had partition 1 */
    byte e0, e1, e_rows, e_letters;     /* the closed epoch: its ends, and its records by side */
    byte p_epoch, p_letters;            /* pending as loaded */
    byte view0;                         /* the log's start as last looked at */
    byte number, to0, to1;              /* the epoch's number, and the position that its request sets */
    bit to_has1, unknown, again;
    mtype step = REFRESH, then = NONE, kind = NONE, reply = NONE;
    do
    :: atomic { step == REFRESH -> idle[w] = 0; view0 = log0; step = START }

    :: atomic { step == START ->
        lead_fresh[w] = 1; b0 = at0; b1 = (has1 -> at1 : 0); known1 = has1; kind = NONE;
        printf("W%d: starts, epoch %d, position (%d,%d), pending %d of %d\n", w, epoch, at0, at1, PENDING, pending_epoch);
        if
        :: !has_position -> kind = FIRST; step = LOAD;
            if :: e0 = view0 :: e0 = records0 - (records0 > 1) fi           /* earliest, or latest at some time */
        :: has_position && ROLLED_BACK && on_rollback == STOP -> step = HALT
        :: has_position && ROLLED_BACK && on_rollback == REWIND ->
            kind = ROLLBACK; step = (depth > 0 && past[top - 1].rewind -> HALT : PREPARE)
        :: else ->
            p_epoch = pending_epoch; p_letters = pending; then = RECONCILE; step = FOLLOW;
            kind = (ROLLED_BACK -> ROLLBACK : NONE);
            if :: mistake == 21 && b0 < view0 -> p_epoch = 0; p_letters = 0 :: else fi
        fi }

    :: atomic { step == RECONCILE ->
        then = NONE;
        if
        :: kind == ROLLBACK -> step = PREPARE
        :: kind != ROLLBACK && on_rollback == REWIND && lead_fresh[w] && taken > epoch -> kind = AHEAD; step = PREPARE
        :: kind != ROLLBACK && on_rollback == REWIND && !lead_fresh[w] -> begin_again()     /* it would conflict */
        :: kind != ROLLBACK && !(on_rollback == REWIND && lead_fresh[w] && taken > epoch) ->
            if
            :: b0 < view0 && on_gap == STOP -> step = HALT
            :: b0 < view0 && on_gap == SKIP -> kind = GAP; step = PREPARE
            :: b0 >= view0 && b0 == records0 && b1 == records1 -> step = END
            :: b0 >= view0 && (b0 < records0 || b1 < records1) -> lead_fresh[w] = 0; view0 = 0; step = NEXT
            fi
        fi }

    :: atomic { step == NEXT ->
        e0 = b0; e1 = b1;
        if
        :: b0 < log0 -> begin_again()                                      /* the log has lost the wanted offset */
        :: b0 >= log0 || b1 < records1 ->
            do
            :: e0 < records0 && b0 >= log0 -> e0++
            :: e1 < records1 -> e1++
            :: e0 > b0 || e1 > b1 -> break
            od;
            kind = EPOCH;
            slot = BELOW(e0, e1) & ~BELOW(b0, b1);
            if :: e_letters = slot & 85 :: e_letters = slot & 170 fi;
            e_rows = slot & ~e_letters; slot = 0; step = LOAD;
            printf("W%d: epoch [%d,%d) [%d,%d): rows %d, letters %d\n", w, b0, e0, b1, e1, e_rows, e_letters)
        fi }

    :: atomic { step == LOAD ->
        lead_fresh[w] = 1; follower_fresh[w] = 0;
        printf("W%d: loads the lead: epoch %d, position (%d,%d), pending %d of %d\n", w, epoch, at0, at1, PENDING, pending_epoch);
        p_epoch = pending_epoch; p_letters = pending;
        if :: mistake == 30 && unknown && !newest[w] -> unknown = 0 :: else fi;     /* "not there, so it failed" */
        if
        :: ROLLED_BACK && on_rollback == STOP && mistake != 23 -> step = HALT
        :: BLIND -> then = PREPARE; step = FOLLOW                           /* some mistake */
        :: else ->
            if
            :: AT_ENDS && !(ROLLED_BACK && mistake != 23) && !BLIND ->
                if :: mistake == 11 -> p_epoch = epoch; p_letters = e_letters :: else fi;
                then = DONE; step = FOLLOW
            :: AT_STARTS && !AT_ENDS && !(ROLLED_BACK && mistake != 23) && !BLIND ->
                then = PREPARE; step = FOLLOW;
                if
                :: mistake == 4 -> p_epoch = epoch + 1; p_letters = e_letters
                :: mistake == 5 || (mistake == 6 && again) -> p_epoch = 0; p_letters = 0; then = NONE; step = PREPARE
                :: else
                fi
            :: else ->
                printf("W%d: FENCED\n", w);
                if :: !unknown || mistake == 10 -> delete_files() :: else fi;
                begin_again()
            fi
        fi }

    :: atomic { step == FOLLOW ->
        if
        :: p_letters == 0 || (taken >= p_epoch && !(mistake == 8 && reply == UNKNOWN)) ->
            if
            :: mistake == 16 && p_letters ->                                /* pending is removed by itself */
                if :: pending = 0; pending_epoch = 0 :: held_removal = 1 fi
            :: else
            fi;
            p_epoch = 0; p_letters = 0; reply = NONE; follower_fresh[w] = 0;
            step = then; then = NONE
        :: mistake == 19 && p_letters && taken < p_epoch && taken + 1 != p_epoch -> false
        :: else -> follower_fresh[w] = 1; reply = NONE; step = FOLLOW_SEND
        fi }

    :: atomic { step == FOLLOW_SEND ->
        send_follower(); printf("W%d: commits to the follower: ", w); printm(reply); printf("\n");
        follower_fresh[w] = 0;
        if
        :: reply == OK -> step = FOLLOW
        :: reply != OK -> step = FOLLOW
        :: reply != OK && then == PREPARE -> p_epoch = 0; p_letters = 0; then = NONE; step = LOAD   /* too many tries */
        fi;
        if :: mistake == 8 && reply == UNKNOWN :: else -> reply = NONE fi }

    :: atomic { step == PREPARE ->
        follower_fresh[w] = (catalog != ORDERED);
        if
        :: !lead_fresh[w] -> number = (mistake == 14 -> number : 0); step = SEND
        :: lead_fresh[w] && MAY_BE_AHEAD ->
            number = epoch + 1;
            if
            :: taken >= number && mistake != 15 -> number = taken + 1
            :: else
            fi;
            step = SEND
        :: lead_fresh[w] && !MAY_BE_AHEAD && taken > epoch && mistake != 4 && mistake != 15 && mistake != 22 ->
            step = HALT;
            printf("W%d: stops: the follower is ahead\n", w)
        :: else ->
            number = (mistake == 14 && number -> number : epoch + 1); step = SEND
        fi }

    :: atomic { step == SEND ->
        if :: mistake == 12 || (mistake == 20 && kind == GAP) -> lead_fresh[w] = 1; number = epoch + 1 :: else fi;
        if
        :: kind == FIRST -> to0 = e0; to_has1 = !late
        :: kind == GAP -> to0 = view0; to1 = at1; to_has1 = has1
        :: kind == EPOCH -> to0 = (e0 > b0 -> e0 : at0); to1 = (e1 > b1 -> e1 : at1); to_has1 = has1 || e1 > b1
        :: kind == ROLLBACK || kind == AHEAD
        fi;
        send_lead(); to0 = 0; to1 = 0; to_has1 = 0;
        printf("W%d: commits to the lead: ", w); printm(reply); printf("\n");
        lead_fresh[w] = 0; follower_fresh[w] = 0; again = (mistake == 6);
        if :: mistake == 14 :: else -> number = 0 fi;
        if :: reply == UNKNOWN && (files || mistake == 2) -> unknown = 1 :: else fi;
        if
        :: kind == EPOCH && reply == OK -> step = (catalog == ORDERED -> AFTER : DONE)
        :: kind == FIRST && reply == OK -> step = DONE
        :: (kind == EPOCH || kind == FIRST) && reply != OK -> step = LOAD
        :: mistake == 20 && kind == GAP && reply != OK -> step = SEND       /* not derived anew */
        :: else -> begin_again()
        fi;
        reply = NONE }

    :: atomic { step == AFTER -> p_epoch = pending_epoch; p_letters = pending; then = DONE; step = FOLLOW }

    :: atomic { step == DONE ->
        if
        :: kind == FIRST -> begin_again()
        :: kind == EPOCH && (e0 < records0 || e1 < records1) ->
            known1 = known1 || e1 > b1; b0 = e0; b1 = e1; forget_epoch(); step = NEXT
        :: else -> begin_again()
        fi }

    :: atomic { FOREIGN && step != REFRESH && step != END && step != HALT ->
        printf("W%d: ends without a word\n", w); begin_again() }
    :: atomic { files && FOREIGN && !unknown && (step == LOAD || step == NEXT) ->   /* it was told to stop */
        delete_files(); begin_again() }
    :: atomic { step == HALT -> idle[w] = (restore > 0); break }
    :: atomic { step == END -> printf("   the end: rows %d, letters %d, skipped %d\n", rows, letters, skipped);
        idle[w] = (restore > 0); break }
    od
}

#define ALL_STILL (idle[0] && (idle[1] || writers < 2) && (idle[2] || writers < 3) && !to_lead[0].on && !to_lead[1].on && \
                   !to_follower[0].on && !to_follower[1].on)

proctype World() {
    Lead_request r; Follower_request f; byte j;
end:
    do
    :: atomic { FOREIGN && (lead_fresh[0] || lead_fresh[1] || lead_fresh[2] || to_lead[0].on || to_lead[1].on) ->
        printf("   somebody else commits to the lead\n"); lead_moved() }
    :: atomic { FOREIGN && (follower_fresh[0] || follower_fresh[1] || follower_fresh[2] || to_follower[0].on ||
                to_follower[1].on) ->
        printf("   somebody else commits to the follower\n"); follower_moved() }
    :: atomic { (to_lead[0].valid && to_lead[0].depth == depth) || (to_lead[1].valid && to_lead[1].depth == depth) ->
        if
        :: to_lead[0].valid && to_lead[0].depth == depth
        :: to_lead[1].valid && to_lead[1].depth == depth -> j = 1
        fi;
        printf("   a held request reaches the lead\n");
        r.kind = to_lead[j].kind; r.at0 = to_lead[j].at0; r.at1 = to_lead[j].at1; r.has1 = to_lead[j].has1;
        r.number = to_lead[j].number; r.rows = to_lead[j].rows; r.letters = to_lead[j].letters; r.owner = to_lead[j].owner;
        forget_lead_request(j); j = 0;
        both_take(r.kind, r.at0, r.at1, r.has1, r.number, r.rows, r.letters, r.owner);
        r.kind = 0; r.at0 = 0; r.at1 = 0; r.has1 = 0; r.number = 0; r.rows = 0; r.letters = 0; r.owner = 0 }
    :: atomic { to_follower[0].on || to_follower[1].on ->
        if :: to_follower[0].on :: to_follower[1].on -> j = 1 fi;
        printf("   a held request reaches the follower\n");
        f.number = to_follower[j].number; f.letters = to_follower[j].letters; forget_follower_request(j); j = 0;
        follower_takes(f.number, f.letters); check(); f.number = 0; f.letters = 0 }
    :: atomic { to_lead[0].on -> forget_lead_request(0) }               /* it never arrives */
    :: atomic { to_lead[1].on -> forget_lead_request(1) }
    :: atomic { to_follower[0].on -> forget_follower_request(0) }
    :: atomic { to_follower[1].on -> forget_follower_request(1) }
    :: atomic { mistake == 16 && held_removal -> printf("   the held removal of pending arrives\n");
        held_removal = 0; pending = 0; pending_epoch = 0; check() }     /* mistake 16 */
    :: atomic { FOREIGN && log0 < retention -> log0++; printf("   the log drops a record, it begins at %d\n", log0) }
    :: atomic { FOREIGN && rollbacks > 0 && depth > 0 && has_position ->
        rollbacks--; depth--;
        do :: depth > 0 -> depth-- :: break od;
        if
        :: mistake == 13 -> to_lead[0].valid = to_lead[0].on; to_lead[1].valid = to_lead[1].on
        :: else
        fi;
        printf("   the lead is rolled back, from %d snapshots to %d\n", top, depth); lead_unfresh() }
    :: atomic { FOREIGN && ROLLED_BACK -> depth = top; printf("   the lead's branch is set forward again\n"); lead_unfresh() }
    :: atomic { FOREIGN && restore && has_position && !copy.there && !restored ->
        copy.there = 1; copy.at0 = at0; copy.at1 = at1; copy.has1 = has1; copy.epoch = epoch; copy.rows = rows;
        copy.pending = pending; copy.pending_epoch = pending_epoch; copy.skipped = skipped;
        printf("   the lead's metadata is copied\n") }
    :: atomic { FOREIGN && copy.there && epoch != copy.epoch && (restore == 2 || ALL_STILL) ->
        restored = 1;
        at0 = copy.at0; at1 = copy.at1; has1 = copy.has1; epoch = copy.epoch; rows = copy.rows; pending = copy.pending;
        pending_epoch = copy.pending_epoch; skipped = copy.skipped;
        copy.there = 0; copy.at0 = 0; copy.at1 = 0; copy.has1 = 0; copy.epoch = 0; copy.rows = 0; copy.pending = 0;
        copy.pending_epoch = 0; copy.skipped = 0;
        lead_moved();
        printf("   the copy of the lead's metadata is put back: epoch %d\n", epoch) }
    :: atomic { calm_comes && !calm -> calm = 1; printf("   the faults stop\n") }
    od
}

init {
    atomic {
        read_configuration();
        rollbacks = max_rollbacks; tears = (catalog == TORN -> max_tears : 0); taken = recreated * 3;
        idle[0] = (restore > 0); idle[1] = idle[0]; idle[2] = idle[0];
        run World(); run Writer(0);
        if :: writers > 1 -> run Writer(1) :: else fi;
        if :: writers > 2 -> run Writer(2) :: else fi
    }
}
