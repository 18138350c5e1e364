/* SPDX-License-Identifier: BSD-3-Clause */
/* The load generator and counter of tests/bench/run.sh: blasts one kind of frame into a device and counts
 * what comes out of another one, in this process, so that both counts and the CPU time of the programs
 * between share one window.
 *
 * Sending: a packet socket that bypasses the queueing discipline, sendmmsg in bursts. By default no more than
 * --window frames are under way: the device under test is then always busy and no queue ever overflows, so
 * nobody spends time on frames that are lost afterwards. --window 0 floods; --rate sends at a fixed rate.
 * Counting: a packet socket that is never read. Its filter accepts a frame by the mark in its last four
 * bytes, which every tunnel leaves where it is; the kernel counts what the filter accepts, received or not,
 * and gives the sum by PACKET_STATISTICS. So the count costs the device under test a filter run and no copy.
 * Output: one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST 16
#define MAX_PIDS 8
#define MARK 0x484d4231u   /* "HMB1" */
#define STUCK_NS 200000000 /* no frame arrived for so long: those under way are lost */
#define PORT 9             /* discard */
#define SOURCE_PORT 40000
#define UDP64_LEN 60 /* a 64-byte frame of the wire less its check sequence, which no TAP carries */
#define TCP1500_LEN (14 + 1500)

struct options {
    const char *tx; /* NETNS/DEVICE */
    const char *rx;
    const char *frame;
    const char *from; /* MAC/ADDRESS */
    const char *to;
    uint64_t window;
    uint32_t spread; /* addresses from `to` on, one of which each frame is for, at random */
    double rate;
    double seconds;
    double warmup;
    pid_t pids[MAX_PIDS];
    unsigned pid_count;
};

/* All counts at one moment. */
struct sample {
    uint64_t ns;
    uint64_t sent;
    uint64_t received;
    uint64_t cpu_ns[MAX_PIDS];
    uint64_t own_cpu_ns;
};

struct blast {
    int tx;
    int rx;
    uint64_t sent;
    uint64_t received;
    uint64_t lost;     /* given up: no longer under way */
    uint64_t moved_ns; /* when the last frame arrived */
    uint64_t chance;
};

/* What one call sends: each frame has its own bytes, since each may have its own destination. */
struct burst {
    uint8_t frames[BURST][TCP1500_LEN];
    struct iovec bytes[BURST];
    struct mmsghdr messages[BURST];
    uint32_t first_addr;
};

static void die(const char *what)
{
    fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now;

    if (clock_gettime(id, &now) < 0)
        die("clock");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t process_cpu_ns(pid_t pid)
{
    clockid_t id;

    errno = clock_getcpuclockid(pid, &id);
    if (errno != 0)
        die("CPU clock of the device under test");
    return clock_ns(id);
}

/* Opens a packet socket for the device and protocol in the named namespace; the process stays there. */
static int open_packet_socket(const char *place, uint16_t protocol, struct sockaddr_ll *addr)
{
    char path[128];
    const char *slash = strchr(place, '/');
    int netns;
    int fd;

    if (!slash) {
        errno = EINVAL;
        die(place);
    }
    snprintf(path, sizeof path, "/run/netns/%.*s", (int)(slash - place), place);
    netns = open(path, O_RDONLY | O_CLOEXEC);
    if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
        die(path);
    close(netns);
    *addr = (struct sockaddr_ll){.sll_family = AF_PACKET,
                                 .sll_protocol = htons(protocol),
                                 .sll_ifindex = (int)if_nametoindex(slash + 1)};
    /* Bound to no protocol until the filter stands. */
    fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (addr->sll_ifindex == 0 || fd < 0)
        die(place);
    return fd;
}

static int open_sender(const char *place)
{
    struct sockaddr_ll addr;
    int fd = open_packet_socket(place, 0, &addr);
    int one = 1;
    int size = 8 << 20;

    if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0 ||
        bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
        die("sender");
    return fd;
}

static int open_counter(const char *place)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
        BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 4),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    struct sockaddr_ll addr;
    int fd = open_packet_socket(place, ETH_P_ALL, &addr);
    int one = 1;
    int size = 0; /* the kernel's smallest: full after the first frames */

    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
        bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
        die("counter");
    return fd;
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint32_t sum16(const uint8_t *at, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i += 2)
        sum += (uint32_t)at[i] << 8 | (i + 1 < len ? at[i + 1] : 0u);
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* MAC and address out of "02:00:00:00:00:01/10.0.0.1". */
static void parse_station(const char *text, uint8_t mac[6], uint8_t addr[4])
{
    unsigned m[6];
    unsigned a[4];

    if (sscanf(text, "%x:%x:%x:%x:%x:%x/%u.%u.%u.%u", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5], &a[0], &a[1],
               &a[2], &a[3]) != 10) {
        errno = EINVAL;
        die(text);
    }
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (uint8_t)m[i];
    for (unsigned i = 0; i < 4; i++)
        addr[i] = (uint8_t)a[i];
}

/* Ethernet, IPv4 with DF, and UDP or a TCP data segment, all sums complete, the mark at the end. Returns the
 * length. */
static size_t build_frame(const struct options *options, uint8_t *frame)
{
    bool tcp = strcmp(options->frame, "tcp1500") == 0;
    size_t len = tcp ? TCP1500_LEN : UDP64_LEN;
    uint8_t *ip = frame + 14;
    uint8_t *l4 = ip + 20;
    size_t l4_len = len - 34;

    memset(frame, 0, len);
    parse_station(options->to, frame, ip + 16);
    parse_station(options->from, frame + 6, ip + 12);
    put16(frame + 12, ETH_P_IP);
    ip[0] = 0x45;
    put16(ip + 2, (uint32_t)len - 14);
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = tcp ? IPPROTO_TCP : IPPROTO_UDP;
    put16(ip + 10, fold(sum16(ip, 20, 0)));
    put16(l4, SOURCE_PORT);
    put16(l4 + 2, PORT);
    if (tcp) {
        put32(l4 + 4, 1);
        put32(l4 + 8, 1);
        put16(l4 + 12, 0x5010); /* 20 bytes of header, ACK */
        put16(l4 + 14, 65535);
    } else {
        put16(l4 + 4, (uint32_t)l4_len);
    }
    put32(frame + len - 4, MARK);
    put16(l4 + (tcp ? 16 : 6), fold(sum16(l4, l4_len, sum16(ip + 12, 8, ip[9] + (uint32_t)l4_len))));
    return len;
}

static void make_burst(const struct options *options, struct burst *burst)
{
    for (unsigned i = 0; i < BURST; i++) {
        burst->bytes[i] = (struct iovec){burst->frames[i], build_frame(options, burst->frames[i])};
        burst->messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &burst->bytes[i], .msg_iovlen = 1}};
    }
    memcpy(&burst->first_addr, burst->frames[0] + 14 + 16, 4);
    burst->first_addr = ntohl(burst->first_addr);
}

/* UDP needs no checksum. */
static void spread(struct burst *burst, uint32_t count, uint64_t *chance)
{
    for (unsigned i = 0; i < BURST; i++) {
        uint8_t *ip = burst->frames[i] + 14;
        *chance = *chance * 6364136223846793005u + 1442695040888963407u;
        put32(ip + 16, burst->first_addr + (uint32_t)((*chance >> 32) * count >> 32));
        put16(ip + 10, 0);
        put16(ip + 10, fold(sum16(ip, 20, 0)));
        put16(ip + 26, 0);
    }
}

/* Adds what has arrived since the last call. */
static void collect(struct blast *blast)
{
    struct tpacket_stats stats;
    socklen_t len = sizeof stats;

    if (getsockopt(blast->rx, SOL_PACKET, PACKET_STATISTICS, &stats, &len) < 0)
        die("PACKET_STATISTICS");
    if (stats.tp_packets > 0) {
        blast->received += stats.tp_packets;
        blast->moved_ns = clock_ns(CLOCK_MONOTONIC);
    }
}

static uint64_t under_way(const struct blast *blast)
{
    uint64_t done = blast->received + blast->lost;

    return done < blast->sent ? blast->sent - done : 0;
}

static struct sample take_sample(const struct blast *blast, const struct options *options)
{
    struct sample sample = {.ns = clock_ns(CLOCK_MONOTONIC),
                            .sent = blast->sent,
                            .received = blast->received,
                            .own_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID)};

    for (unsigned i = 0; i < options->pid_count; i++)
        sample.cpu_ns[i] = process_cpu_ns(options->pids[i]);
    return sample;
}

/* Whether a burst may be sent now. */
static bool may_send(struct blast *blast, const struct options *options, uint64_t start_ns, uint64_t now_ns)
{
    if (options->rate > 0)
        return (double)blast->sent < options->rate * (double)(now_ns - start_ns) / 1e9;
    if (options->window == 0 || under_way(blast) + BURST <= options->window)
        return true;
    if (now_ns - blast->moved_ns > STUCK_NS) {
        blast->lost += under_way(blast);
        blast->moved_ns = now_ns;
    }
    return false;
}

/* Sends and counts until the time is over; the sample at the end of the warm-up goes to *first. */
static void run(struct blast *blast, const struct options *options, struct burst *burst, struct sample *first)
{
    uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
    uint64_t warm_ns = start_ns + (uint64_t)(options->warmup * 1e9);
    uint64_t end_ns = warm_ns + (uint64_t)(options->seconds * 1e9);
    uint64_t now_ns = start_ns;
    bool warm = false;

    blast->moved_ns = start_ns;
    while (now_ns < end_ns) {
        int done = 0;
        if (may_send(blast, options, start_ns, now_ns)) {
            if (options->spread > 1)
                spread(burst, options->spread, &blast->chance);
            done = sendmmsg(blast->tx, burst->messages, BURST, 0);
        }
        if (done < 0 && errno != ENOBUFS && errno != EAGAIN)
            die("sendmmsg");
        if (done > 0)
            blast->sent += (uint64_t)done;
        collect(blast);
        now_ns = clock_ns(CLOCK_MONOTONIC);
        if (!warm && now_ns >= warm_ns) {
            *first = take_sample(blast, options);
            warm = true;
        }
    }
}

/* Waits for the frames that are still under way. */
static void drain(struct blast *blast)
{
    while (under_way(blast) > 0 && clock_ns(CLOCK_MONOTONIC) - blast->moved_ns < STUCK_NS)
        collect(blast);
}

static void print_result(const struct blast *blast, const struct options *options, const struct sample *first,
                         const struct sample *last)
{
    printf("{\"frame\":\"%s\",\"window_ns\":%llu,\"offered\":%llu,\"forwarded\":%llu,", options->frame,
           (unsigned long long)(last->ns - first->ns), (unsigned long long)(last->sent - first->sent),
           (unsigned long long)(last->received - first->received));
    printf("\"total_offered\":%llu,\"total_forwarded\":%llu,\"generator_cpu_ns\":%llu,\"cpu_ns\":[",
           (unsigned long long)blast->sent, (unsigned long long)blast->received,
           (unsigned long long)(last->own_cpu_ns - first->own_cpu_ns));
    for (unsigned i = 0; i < options->pid_count; i++)
        printf("%s%llu", i ? "," : "", (unsigned long long)(last->cpu_ns[i] - first->cpu_ns[i]));
    printf("]}\n");
}

static void usage(void)
{
    fprintf(stderr,
            "usage: blast --tx NETNS/DEVICE --rx NETNS/DEVICE --frame udp64|tcp1500\n"
            "             --from MAC/ADDRESS --to MAC/ADDRESS [--window FRAMES] [--rate FRAMES_PER_S]\n"
            "             [--spread ADDRESSES] [--seconds S] [--warmup S] [--pid PID]...\n");
    exit(2);
}

static void parse_options(int argc, char **argv, struct options *options)
{
    enum {
        TX,
        RX,
        FRAME,
        FROM,
        TO,
        WINDOW,
        RATE,
        SPREAD,
        SECONDS,
        WARMUP,
        PID
    };
    static const struct option known[] = {
        {"tx", required_argument, NULL, TX},           {"rx", required_argument, NULL, RX},
        {"frame", required_argument, NULL, FRAME},     {"from", required_argument, NULL, FROM},
        {"to", required_argument, NULL, TO},           {"window", required_argument, NULL, WINDOW},
        {"rate", required_argument, NULL, RATE},       {"spread", required_argument, NULL, SPREAD},
        {"seconds", required_argument, NULL, SECONDS}, {"warmup", required_argument, NULL, WARMUP},
        {"pid", required_argument, NULL, PID},         {NULL, 0, NULL, 0},
    };
    const char *text[PID] = {
        [WINDOW] = "256", [RATE] = "0", [SPREAD] = "1", [SECONDS] = "1", [WARMUP] = "0.2"};
    int option;

    *options = (struct options){0};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option < PID)
            text[option] = optarg;
        else if (option == PID && options->pid_count < MAX_PIDS)
            options->pids[options->pid_count++] = (pid_t)strtol(optarg, NULL, 10);
        else
            usage();
    }
    for (unsigned i = 0; i < PID; i++)
        if (!text[i])
            usage();
    options->tx = text[TX];
    options->rx = text[RX];
    options->frame = text[FRAME];
    options->from = text[FROM];
    options->to = text[TO];
    options->window = strtoull(text[WINDOW], NULL, 10);
    options->rate = strtod(text[RATE], NULL);
    options->spread = (uint32_t)strtoul(text[SPREAD], NULL, 10);
    options->seconds = strtod(text[SECONDS], NULL);
    options->warmup = strtod(text[WARMUP], NULL);
    if (optind != argc || (strcmp(options->frame, "udp64") != 0 && strcmp(options->frame, "tcp1500") != 0) ||
        (options->window > 0 && options->window < BURST) || options->spread < 1 ||
        (options->spread > 1 && strcmp(options->frame, "udp64") != 0))
        usage();
}

int main(int argc, char **argv)
{
    static struct burst burst;
    struct options options;
    struct blast blast = {0};
    struct sample first;
    struct sample last;

    parse_options(argc, argv, &options);
    make_burst(&options, &burst);
    blast.rx = open_counter(options.rx);
    blast.tx = open_sender(options.tx);
    run(&blast, &options, &burst, &first);
    last = take_sample(&blast, &options);
    drain(&blast);
    print_result(&blast, &options, &first, &last);
    return 0;
}
